"""The NumPy segmenter gives what the TensorFlow one gives; blended windows give back what has no borders."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.portable.windows import WindowGrid, WindowLabeller, window_shares, window_starts
from deeplab_panns.segmentation import sliding_window

VOLUME = np.random.default_rng(0).normal(60, 90, (19, 12, 13)).astype(np.float32)
WINDOW = (-125.0, 275.0)


@pytest.mark.parametrize("size, patch, overlap", [(150, 64, 0.5), (64, 64, 0.5), (65, 64, 0.0), (20, 8, 0.7)])
def test_windows_start_where_they_do_in_tensorflow_and_share_every_voxel(size, patch, overlap):
  starts = window_starts(size, patch, overlap)
  assert starts == sliding_window.window_starts(size, patch, overlap)
  total = np.zeros(size)
  for start, shares in zip(starts, window_shares(starts, patch, size)):
    total[start : start + patch] += shares
  np.testing.assert_allclose(total, 1, atol=1e-6)


def by_grey_level(images):
  """Three classes whose probabilities are linear in the grey level, which no border of a window changes."""
  share = images[..., 0] / 255
  return np.stack([0.5 * share, 0.5 * share**2, 1 - 0.5 * share - 0.5 * share**2], -1)


@pytest.mark.parametrize("patch, overlap", [((8, 8, 8), 0.5), ((3, 5, 16), 0.3), ((19, 12, 13), 0.0)])
def test_what_looks_at_single_voxels_is_the_same_in_windows(patch, overlap):
  ours = WindowLabeller(by_grey_level, WindowGrid(WINDOW, (None,) * 3, patch, overlap), 3)
  expected = by_grey_level(np.round((np.clip(VOLUME, *WINDOW) + 125) * np.float32(0.6375))[..., None])
  found = ours.probabilities(VOLUME, (2.0, 1.0, 1.0))["probabilities"]
  np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
  sure = np.diff(np.sort(expected, -1), axis=-1)[..., 1] > 1e-3
  labels = ours.labels(VOLUME, (2.0, 1.0, 1.0))["labels"]
  np.testing.assert_array_equal(labels[sure], expected.argmax(-1)[sure])


@pytest.mark.slow
@pytest.mark.parametrize(
  "patch, overlap, wanted_mm",
  [
    ((4, 8, 6), 0.5, (3.0, 1.2, 0.7)),
    ((32, 16, 16), 0.5, (2.0, 2.0, 2.0)),  # larger than the volume
  ],
)
def test_labels_and_probabilities_are_those_of_tensorflow(patch, overlap, wanted_mm):
  tf.keras.utils.set_random_seed(1)
  image = tf.keras.Input([*patch, 1])
  network = tf.keras.Model(image, tf.keras.layers.Conv3D(3, 3, padding="same")(image / 64))
  theirs = sliding_window.VolumeSegmenter(network, sliding_window.Windows(patch, wanted_mm, overlap), 3)
  ours = WindowLabeller(
    lambda images: tf.nn.softmax(network(images)).numpy(), WindowGrid(WINDOW, wanted_mm, patch, overlap), 3
  )
  own_mm = (2.0, 1.0, 1.1)
  labels = ours.labels(VOLUME, own_mm)["labels"]
  expected = theirs.probabilities(VOLUME, tf.constant(own_mm, tf.float32))["probabilities"].numpy()
  probabilities = ours.probabilities(VOLUME, own_mm)["probabilities"]
  np.testing.assert_allclose(probabilities.astype(np.float32), expected.astype(np.float32), rtol=0, atol=1e-3)
  sure = np.sort(expected.astype(np.float32), axis=-1)
  sure = sure[..., -1] - sure[..., -2] > 2e-3
  assert sure.mean() > 0.9
  np.testing.assert_array_equal(labels[sure], expected.argmax(-1)[sure])
