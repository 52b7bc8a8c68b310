"""The NumPy arithmetic equals TensorFlow's, which stores, trains and exports SavedModels."""

import numpy as np
import pytest
import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.portable import resampling
from deeplab_panns.segmentation import in_graph_resampling

VOLUME = np.random.default_rng(0).normal(60, 200, (9, 7, 11)).astype(np.float32)
RATIOS = (1.0, 0.37, 0.5, 1.3, 2.0, 3.7)


def test_the_window_is_the_same_to_the_bit():
  ours = resampling.window(VOLUME, preprocess.WINDOW_HU)
  np.testing.assert_array_equal(ours, preprocess.window(VOLUME))
  assert ours.min() == 0 and ours.max() == 255
  assert resampling.window(np.array([-125, 75, 275], np.int16), (-125, 275)).tolist() == [0, 127.5, 255]


@pytest.mark.parametrize("ratio", RATIOS)
def test_sizes_positions_and_weights_are_the_same(ratio):
  exactly = tf.constant(ratio, tf.float64)
  for size in (1, 2, 8, 31):
    theirs = int(preprocess.resampled_size(size, 1.0, exactly))
    assert resampling.resampled_size(size, ratio) == theirs
    centres = resampling.positions(np.arange(theirs), theirs, size, ratio)
    np.testing.assert_allclose(
      centres, preprocess.positions(tf.range(theirs), theirs, size, exactly), rtol=0, atol=1e-12
    )
    ours = resampling.weights(centres, np.arange(size), ratio)
    np.testing.assert_allclose(ours, preprocess.axis_matrix(size, theirs, exactly), rtol=0, atol=1e-7)


def test_spacings_that_are_nearly_the_same_are_the_same():
  ratios = resampling.spacing_ratios((3.0, None, 2.0), (3.001, 0.7, 1.0))
  assert ratios == [1.0, 1.0, 2.0]
  theirs = in_graph_resampling.spacing_ratios((3.0, 1.3, None), tf.constant([2.7, 0.7, 1.0]))
  ours = resampling.spacing_ratios((3.0, 1.3, None), (2.7, 0.7, 1.0))
  assert ours == [float(ratio) for ratio in theirs]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("ratio", [0.6, 1.0, 2.4])
def test_slices_between_slices_are_the_same(axis, ratio):
  centres = np.clip(np.array([-1.0, 0.2, 3.5, 4.0, 20.0]) * ratio, 0, VOLUME.shape[axis] - 1)
  ours = resampling.slices_at(VOLUME, axis, preprocess.WINDOW_HU, centres, ratio)
  theirs = in_graph_resampling.slices_at(
    tf.constant(VOLUME), axis, preprocess.window, tf.constant(centres), tf.constant(ratio, tf.float64)
  )
  np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_side_is_resampled_the_same(axis, channels):
  images = np.random.default_rng(1).random((2, 5, 8, *channels), np.float32)
  size = resampling.resampled_size(images.shape[axis], 0.6)
  ours = resampling.resample_side(images, axis, size, 0.6)
  theirs = in_graph_resampling.resample_side(tf.constant(images), axis, size, tf.constant(0.6, tf.float64))
  np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
  assert resampling.resample_side(images, axis, images.shape[axis], 1.0) is images
