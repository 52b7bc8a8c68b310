"""Noise and rounding of a scanner."""

import numpy as np

from data.synthetic.ct_noise import draw_grain, whole_hu


def test_hu_are_rounded_and_keep_to_12_bits():
  hu = whole_hu(np.array([-3000.0, -1024.4, -0.6, 0.4, 1.5, 2.5, 5000.0], np.float32))
  assert hu.dtype == np.int16
  np.testing.assert_array_equal(hu, [-1024, -1024, -1, 0, 2, 2, 3071])


def test_grain_is_alike_in_neighbouring_pixels_and_less_so_in_neighbouring_slices():
  grain = draw_grain(np.random.default_rng(0), (12, 60, 60))
  assert grain.dtype == np.float32 and abs(grain.mean()) < 0.1 * grain.std()

  def correlation(axis, step):
    first, second = np.delete(grain, range(step), axis), np.delete(grain, range(-step, 0), axis)
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]

  # A Gaussian filter of deviation s leaves exp(-d² / 4 s²) at a distance d: 0.78 in the slice for s = 1.
  np.testing.assert_allclose([correlation(1, 1), correlation(2, 1)], np.exp(-1 / 4), atol=0.04)
  assert correlation(0, 1) < 0.6 and abs(correlation(2, 8)) < 0.05
