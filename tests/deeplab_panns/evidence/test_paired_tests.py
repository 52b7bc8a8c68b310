"""Paired statistics: by hand, against scipy, and by simulation."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from deeplab_panns.evidence.paired_tests import MIN_PAIRS, bootstrap_interval, compare, holm, mean_interval

BASELINE = np.array([0.70, 0.62, 0.81, 0.55, 0.77, 0.68, 0.74, 0.59])
GAINS = np.array([0.02, 0.05, -0.01, 0.08, 0.03, 0.04, 0.06, -0.02])


def test_equals_scipy_on_pairs():
  found = compare(BASELINE + GAINS, BASELINE)
  assert (found.pairs, found.dropped) == (8, 0)
  assert found.difference == pytest.approx(GAINS.mean())
  assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(BASELINE + GAINS, BASELINE).pvalue)
  assert found.ttest_p == pytest.approx(stats.ttest_rel(BASELINE + GAINS, BASELINE).pvalue)


def test_signed_rank_p_by_hand():
  # Six gains, all up: of the 2^6 assignments of signs two are as extreme, all plus and all minus.
  found = compare(BASELINE[:6] + [0.01, 0.02, 0.03, 0.04, 0.05, 0.06], BASELINE[:6])
  assert found.wilcoxon_p == pytest.approx(2 / 64)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("pairs", [6, 13, 30])
def test_signed_rank_p_equals_scipys_exact_one_where_there_are_no_ties(pairs, seed):
  differences = np.random.default_rng(seed).normal(0.3, 1, pairs)
  expected = stats.wilcoxon(differences, method="exact").pvalue
  assert compare(differences, np.zeros(pairs)).wilcoxon_p == pytest.approx(expected)


def test_signed_rank_p_of_ties_is_that_of_all_assignments_of_signs():
  differences = np.array([1, -1, 2, 2, 2, -3, 3, 4]) / 8
  ranks = stats.rankdata(np.abs(differences))
  sums = np.array([ranks[[bool(signs >> place & 1) for place in range(8)]].sum() for signs in range(2**8)])
  positive = ranks[differences > 0].sum()
  expected = 2 * min((sums <= positive).mean(), (sums >= positive).mean())
  assert compare(differences, np.zeros(8)).wilcoxon_p == pytest.approx(expected)


def test_many_pairs_take_the_normal_approximation():
  differences = np.random.default_rng(0).normal(0.1, 1, 400)
  assert compare(differences, np.zeros(400)).wilcoxon_p == pytest.approx(stats.wilcoxon(differences).pvalue)


def test_t_by_hand():
  # differences 1 ... 6: mean 3.5, variance 3.5, t = 3.5 / sqrt(3.5 / 6)
  found = compare(np.arange(1.0, 7), np.zeros(6))
  assert found.ttest_p == pytest.approx(2 * stats.t.sf(3.5 / math.sqrt(3.5 / 6), df=5))


def test_a_pair_with_nan_in_either_is_dropped_and_counted():
  values, baseline = BASELINE + GAINS, BASELINE.copy()
  values[0], baseline[1] = math.nan, math.nan
  found, expected = compare(values, baseline), compare(values[2:], baseline[2:])
  assert (found.pairs, found.dropped) == (6, 2)
  assert (found.difference, found.interval, found.wilcoxon_p) == (
    expected.difference,
    expected.interval,
    expected.wilcoxon_p,
  )


@pytest.mark.parametrize("pairs", range(MIN_PAIRS))
def test_fewer_than_six_pairs_have_no_p_and_no_interval(pairs):
  found = compare(BASELINE[:pairs] + GAINS[:pairs], BASELINE[:pairs])
  assert not found.enough and found.pairs == pairs
  assert found.wilcoxon_p is None and found.ttest_p is None and found.interval is None
  assert found.difference == pytest.approx(GAINS[:pairs].mean()) if pairs else math.isnan(found.difference)


@pytest.mark.parametrize("gain, p", [(0.0, 1.0), (0.25, 0.0)])
def test_pairs_that_all_differ_alike_raise_no_warning(gain, p):
  baseline = np.array([0.5, 0.25, 0.75, 0.5, 0.0, 0.25])
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    found = compare(baseline + gain, baseline)
  assert found.ttest_p == p and found.interval == (gain, gain)
  assert found.wilcoxon_p == pytest.approx(1 if gain == 0 else 2 / 64)


def test_ties_and_pairs_without_a_difference_raise_no_warning():
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    found = compare([0.5, 0.5, 0.5, 0.5, 0.5, 0.75, 0.75], [0.5] * 7)
    some = compare([0.5] * 10 + [0.75] * 20, [0.5] * 30)
  assert found.wilcoxon_p == pytest.approx(0.5)  # two pairs rank, both up: 2 of 4 assignments
  assert some.wilcoxon_p < 0.001


def test_swapping_the_two_turns_the_sign_alone():
  forth, back = compare(BASELINE + GAINS, BASELINE), compare(BASELINE, BASELINE + GAINS)
  assert back.difference == pytest.approx(-forth.difference)
  assert (back.wilcoxon_p, back.ttest_p) == pytest.approx((forth.wilcoxon_p, forth.ttest_p))
  assert back.interval == pytest.approx([-forth.interval[1], -forth.interval[0]])


def test_holm_by_hand():
  # sorted .01, .02, .03, .04 times 4, 3, 2, 1: .04, .06, .06, .04, each at least the one before
  assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
  assert holm([0.5, 0.9]) == [1, 1]
  assert holm([]) == []


def test_holm_leaves_out_what_was_not_tested():
  assert holm([None, 0.01, None, 0.02]) == [None, pytest.approx(0.02), None, pytest.approx(0.02)]


def test_the_bootstrap_is_a_function_of_values_and_seed():
  assert bootstrap_interval(GAINS, 3) == bootstrap_interval(GAINS, 3) != bootstrap_interval(GAINS, 4)
  low, high = bootstrap_interval(GAINS)
  assert GAINS.min() <= low < GAINS.mean() < high <= GAINS.max()
  shifted = bootstrap_interval(10 * GAINS + 1)
  assert shifted == pytest.approx([10 * low + 1, 10 * high + 1])


def test_the_bootstrap_interval_of_many_values_is_the_normal_one():
  values = np.random.default_rng(0).normal(size=400)
  expected = values.mean() + np.array([-1.96, 1.96]) * values.std() / 20
  assert bootstrap_interval(values) == pytest.approx(expected, abs=0.01)


def test_the_bootstrap_covers_the_mean_about_as_often_as_it_says():
  rng = np.random.default_rng(1)
  draws = rng.normal(0.3, 1, (200, 20))
  covered = np.mean([low <= 0.3 <= high for low, high in map(bootstrap_interval, draws)])
  assert 0.88 <= covered <= 0.98  # measured over 600 draws: .93 of 20 values, .89 of 8, .87 of 6


def test_refuses_what_cannot_be_paired():
  with pytest.raises(ValueError, match="pairs need two equal vectors"):
    compare([1, 2, 3], [1, 2])


@pytest.mark.parametrize("pairs", [2, 3, 8])
def test_the_interval_of_a_mean_equals_scipys(pairs):
  expected = stats.ttest_1samp(GAINS[:pairs], 0).confidence_interval(0.9)
  assert mean_interval(GAINS[:pairs], 0.9) == pytest.approx(tuple(expected))


def test_the_interval_of_three_values_holds_the_mean_as_often_as_it_says():
  rng = np.random.default_rng(1)
  held = [low < 2 < high for low, high in (mean_interval(rng.normal(2, 3, 3)) for _ in range(2000))]
  assert np.mean(held) == pytest.approx(0.95, abs=0.015)
