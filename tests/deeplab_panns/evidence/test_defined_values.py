"""Means and standard deviations that leave out what is undefined."""

import math
import statistics
import warnings

import numpy as np
import pytest

from deeplab_panns.evidence.defined_values import defined_mean, defined_sd

NAN = float("nan")


def test_what_is_undefined_counts_neither_in_sum_nor_in_number():
  assert defined_mean([1, NAN, 2, 6]) == 3
  assert defined_mean([[1, NAN], [2, 6]]) == 3
  assert math.isnan(defined_mean([NAN, NAN])) and math.isnan(defined_mean([]))


def test_means_along_an_axis():
  table = [[0.2, NAN, NAN], [0.4, 0.8, NAN]]
  np.testing.assert_allclose(defined_mean(table, axis=0), [0.3, 0.8, NAN])
  np.testing.assert_allclose(defined_mean(table, axis=1), [0.2, 0.6])


def test_the_standard_deviation_is_that_of_a_sample():
  assert defined_sd([1.0, NAN, 3.0, 8.0]) == pytest.approx(statistics.stdev([1, 3, 8]))
  assert math.isnan(defined_sd([5.0])) and math.isnan(defined_sd([5.0, NAN])) and math.isnan(defined_sd([]))


def test_no_warning_where_nothing_is_defined():
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    defined_mean([[NAN], [1.0]], axis=1)
    defined_sd([NAN])
