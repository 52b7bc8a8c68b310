"""Pairs, tests and gaps, on numbers that can be checked by hand."""

import numpy as np
import pytest
from scipy import stats

from deeplab_panns.study.gains import compare, compare_organs, gap_closed
from tests.deeplab_panns.study.conftest import cell_scores, constant_scores

NAN = np.nan


def test_only_common_seeds_are_compared():
  ours, theirs = cell_scores("a", [[1, 1]], [[0.6, 0.6]]), cell_scores("b", None, [[0.5, 0.5]])
  gain = compare(ours, theirs)
  assert gain.by_seed == pytest.approx({2: 0.1}) and (gain.ahead, gain.interval, gain.p) == (1, None, None)
  assert compare(ours, cell_scores("c", None, None)) is None
  without_a_common_organ = cell_scores("a", [[0.5, NAN]]), cell_scores("b", [[NAN, 0.5]])
  assert compare(*without_a_common_organ) is None


def test_a_seed_is_one_pair_however_many_volumes_it_has():
  """Six seeds that disagree, with fifty volumes each: the tests are scipy's over six differences."""
  means = np.array([0.6, 0.49, 0.55, 0.57, 0.52, 0.48])
  ours = cell_scores("a", *[[[value, value]] * 50 for value in means])
  theirs = cell_scores("b", *[[[0.5, 0.5]] * 50] * 6)
  gain = compare(ours, theirs)
  expected = stats.ttest_rel(means, [0.5] * 6)
  assert gain.p == pytest.approx(expected.pvalue)
  assert gain.interval == pytest.approx(tuple(expected.confidence_interval()))
  # The negative ranks are 1 and 2.5; six of the 2^6 choices of signs sum to 3.5 or less.
  assert gain.wilcoxon_p == pytest.approx(2 * 6 / 64)
  assert (gain.ahead, gain.difference) == (4, pytest.approx(0.21 / 6))
  shifted = gain.less(0.02)
  assert shifted.difference == pytest.approx(0.21 / 6 - 0.02)
  assert shifted.p == pytest.approx(stats.ttest_1samp(means - 0.52, 0).pvalue)


def test_five_seeds_have_an_interval_but_no_p():
  gain = compare(constant_scores("a", 0.6, 0.6, 0.7, 0.6, 0.6), constant_scores("b", *[0.5] * 5))
  assert (gain.p, gain.wilcoxon_p) == (None, None) and gain.interval[0] > 0
  assert compare(constant_scores("a", 0.6, 0.7), constant_scores("b", 0.5, 0.5)).interval is None


def test_organs_are_compared_one_by_one_where_both_define_them():
  ours, theirs = cell_scores("a", [[0.5, 0.9], [0.4, NAN]]), cell_scores("b", [[0.2, 0.8], [0.2, 0.7]])
  gains = compare_organs(ours, theirs)
  differences = {organ: gain.difference for organ, gain in gains.items()}
  assert differences == pytest.approx({"liver": 0.25, "spleen": 0.1})
  assert list(compare_organs(cell_scores("a", [[0.5, NAN], [0.5, NAN]]), theirs)) == ["liver"]


def test_gap_closed_by_hand():
  full, oracle = constant_scores("full", 0.5, 0.4), constant_scores("oracle", 0.9, 0.8)
  panns = constant_scores("panns", 0.7, 0.5)
  gap = gap_closed(panns, full, oracle)
  assert gap.value == pytest.approx((0.2 + 0.1) / (0.4 + 0.4))  # 37.5 %
  assert gap.of_seeds == pytest.approx((0.25, 0.5))
  assert gap_closed(oracle, full, oracle).value == pytest.approx(1)
  assert gap_closed(full, full, oracle).value == 0
  assert gap_closed(constant_scores("worse", 0.4, 0.3), full, oracle).value == pytest.approx(-0.25)


def test_there_is_no_gap_without_a_better_oracle():
  full = constant_scores("full", 0.5)
  assert gap_closed(constant_scores("x", 0.6), full, constant_scores("oracle", 0.5)) is None
  assert gap_closed(constant_scores("x", 0.6), full, cell_scores("oracle", None)) is None
  below_in_one_seed = constant_scores("full", 0.5, 0.5), constant_scores("oracle", 0.9, 0.4)
  assert gap_closed(constant_scores("x", 0.6, 0.6), *below_in_one_seed) is None
