"""Holes against SciPy's own filling, and beside other organs."""

import numpy as np
from scipy import ndimage

from deeplab_panns.postprocessing.holes import fill_holes


def shell(value=1):
  labels = np.zeros((7, 7, 7), np.uint8)
  labels[1:6, 1:6, 1:6] = value
  labels[2:5, 2:5, 2:5] = 0
  return labels


def test_what_is_enclosed_is_filled():
  labels = shell()
  assert fill_holes(labels, [1, 2]) == 27 and np.count_nonzero(labels == 1) == 125


def test_a_hole_with_a_way_out_is_none_but_a_corner_is_no_way():
  labels = shell()
  labels[1, 3, 3] = 0
  assert fill_holes(labels, [1]) == 0
  labels = shell()
  labels[1, 1, 1] = 0
  assert fill_holes(labels, [1]) == 27


def test_other_organs_and_what_touches_them_stay():
  labels = shell()
  labels[3, 3, 3] = 2
  before = labels.copy()
  assert fill_holes(labels, [1, 2]) == 0
  np.testing.assert_array_equal(labels, before)


def test_the_same_as_scipy_on_noise():
  mask = np.random.default_rng(0).random((12, 13, 14)) < 0.7
  labels = (3 * mask).astype(np.uint8)
  fill_holes(labels, [3])
  np.testing.assert_array_equal(labels == 3, ndimage.binary_fill_holes(mask))
