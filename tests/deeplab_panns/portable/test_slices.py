"""The NumPy segmenter gives the labels of the TensorFlow one, in every view and at every spacing."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.portable.slices import SliceGrid, SliceLabeller
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter

VOLUME = np.random.default_rng(0).normal(60, 90, (11, 9, 10)).astype(np.float32)
WINDOW = (-125.0, 275.0)


def network_of(channels):
  """A network that looks at neighbours, so that a slice or channel in the wrong place shows."""
  tf.keras.utils.set_random_seed(1)
  image = tf.keras.Input([None, None, channels])
  return tf.keras.Model(image, tf.keras.layers.Conv2D(3, 3, padding="same")(image / 64))


def test_slices_of_a_view_reach_the_network_with_their_neighbours():
  """The class is the channel that is brightest: before, itself, after; the first and last slice repeat."""
  brightness = np.zeros((2, 5, 4), np.float32) - 125
  brightness[:, 2] = 275
  grid = SliceGrid(WINDOW, (None, None, None), "coronal", 3)
  labels = SliceLabeller(lambda images: images / 255, grid).labels(brightness, (1.0, 1.0, 1.0))["labels"]
  assert (labels == np.array([0, 2, 1, 0, 0])[None, :, None]).all() and labels.dtype == np.uint8


@pytest.mark.slow
@pytest.mark.parametrize(
  "view, channels, wanted_mm, own_mm",
  [
    ("axial", 3, (5.0, 0.8, 1.4), (2.5, 1.0, 1.0)),
    ("sagittal", 3, (1.0, 2.0, 3.0), (2.5, 1.0, 1.0)),
  ],
)
def test_labels_and_probabilities_are_those_of_tensorflow(view, channels, wanted_mm, own_mm):
  network = network_of(channels)
  theirs = SliceSegmenter(network, InputGrid(view, channels, wanted_mm), 3)
  ours = SliceLabeller(
    lambda images: tf.nn.softmax(network(images)).numpy(), SliceGrid(WINDOW, wanted_mm, view, channels)
  )
  spacing_mm = tf.constant(own_mm, tf.float32)
  labels = ours.labels(VOLUME, own_mm)["labels"]
  assert labels.dtype == np.uint8 and len(np.unique(labels)) == 3
  np.testing.assert_array_equal(labels, theirs.labels(VOLUME, spacing_mm)["labels"])
  probabilities = ours.probabilities(VOLUME, own_mm)["probabilities"]
  assert probabilities.dtype == np.float16
  np.testing.assert_allclose(
    probabilities.astype(np.float32),
    theirs.probabilities(VOLUME, spacing_mm)["probabilities"].numpy().astype(np.float32),
    rtol=0,
    atol=1e-3,
  )
