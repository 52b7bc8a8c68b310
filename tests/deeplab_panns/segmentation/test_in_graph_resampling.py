"""Resampling in the graph against NumPy's interpolation and products."""

import numpy as np
import pytest
import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.segmentation.in_graph_resampling import (
  along_axis,
  reach,
  require_wanted_spacing,
  resample_side,
  slices_at,
  spacing_ratios,
)

VOLUME = np.random.default_rng(0).random((6, 7, 5)).astype(np.float32)


def float64(value):
  return tf.constant(value, tf.float64)


def test_a_ratio_is_exactly_1_where_spacings_are_the_same_up_to_rounding():
  ratios = spacing_ratios((2.0, None, 3.0), tf.constant([2.001, 5.0, 1.5]))
  assert [float(ratio) for ratio in ratios] == [1.0, 1.0, 2.0]
  assert float(spacing_ratios((2.0, None, None), tf.constant([2.01, 1.0, 1.0]))[0]) == pytest.approx(2 / 2.01)


@pytest.mark.parametrize("wanted_mm", [(1.0, 1.0), (1.0, 0.0, 1.0), (None, None, -3.0)])
def test_a_spacing_that_cannot_be(wanted_mm):
  with pytest.raises(ValueError, match=r"^spacing_mm=\(.*\): must be three entries"):
    require_wanted_spacing(wanted_mm)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("first, last", [(0.0, 0.0), (2.3, 2.3), (3.0, 6.0), (-0.4, 9.4), (4.7, 11.0)])
def test_reach_is_from_the_first_to_the_last_voxel_of_any_weight(first, last, ratio):
  low, high = reach(float64(first), float64(last), float64(ratio), 12)
  weights = preprocess.weights(float64([first, last]), tf.range(12), float64(ratio)).numpy()
  read = np.flatnonzero(weights.max(axis=0))
  assert (int(low), int(high) - 1) == (read[0], read[-1])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_between_two_slices_are_interpolated_linearly(axis):
  centres = [0.0, 1.25, 3.5]
  found = slices_at(VOLUME, axis, lambda part: part * 2, float64(centres), float64(1.0))
  moved = 2 * np.moveaxis(VOLUME, axis, 0)
  expected = [moved[0], 0.75 * moved[1] + 0.25 * moved[2], (moved[3] + moved[4]) / 2]
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_only_the_slices_that_are_needed_are_prepared():
  seen = []
  slices_at(VOLUME, 1, lambda part: (seen.append(part.shape), part)[1], float64([2.5, 3.0]), float64(1.0))
  assert seen == [(6, 2, 5)]


@pytest.mark.parametrize("axis", [1, 2])
def test_a_matrix_is_applied_along_one_axis_with_and_without_channels(axis):
  images = np.random.default_rng(1).random((2, 4, 5, 3)).astype(np.float32)
  matrix = np.random.default_rng(2).random((7, images.shape[axis])).astype(np.float32)
  for ours in (images, images[..., 0]):
    expected = np.moveaxis(np.tensordot(matrix, ours, [[1], [axis]]), 0, axis)
    np.testing.assert_allclose(along_axis(matrix, tf.constant(ours), axis), expected, rtol=1e-5)


def test_a_side_of_equal_spacing_is_untouched_and_pairs_of_another_averaged():
  images = tf.constant(VOLUME)
  np.testing.assert_array_equal(resample_side(images, 1, 3, float64(1.0)), VOLUME)
  pairs = resample_side(tf.constant([[[0.0, 4.0, 8.0, 12.0]]]), 2, 2, float64(2.0))
  # the triangle of half-width 2 around 0.5 weighs the voxels 0, 1, 2 by 0.75, 0.75, 0.25
  np.testing.assert_allclose(pairs, [[[5 / 1.75, 12 - 5 / 1.75]]], rtol=1e-6)
