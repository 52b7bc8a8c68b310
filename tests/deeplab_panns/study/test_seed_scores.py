"""Means, pairs, gap and verdicts, on numbers that can be checked by hand."""

import numpy as np
import pytest
from scipy import stats

from data.input_error import InputError
from deeplab_panns.study.plan import Cell, Expectation
from deeplab_panns.study.seed_scores import Scores, compare, compare_organs, gap_closed, judge, values_by_seed

NAN = np.nan


def cell(name, *tables):
  """Scores of seeds 1, 2, ...: each a [cases, organs] list, or None where it was not run."""
  dice = {seed: np.array(table, float) for seed, table in enumerate(tables, 1) if table is not None}
  missing = tuple(seed for seed, table in enumerate(tables, 1) if table is None)
  cases = {seed: tuple(f"case{place}" for place in range(len(table))) for seed, table in dice.items()}
  return Scores(Cell(name, "phantom", None, {}), ("liver", "spleen"), dice, cases, missing)


def constant(name, *values):
  return cell(name, *([[value, value]] * 3 for value in values))


def test_the_mean_of_a_seed_is_that_of_the_organs_means():
  scores = cell("x", [[0.2, 0.6], [0.4, NAN]])
  assert scores.seed_means[1] == pytest.approx((0.3 + 0.6) / 2)  # not (0.2 + 0.6 + 0.4) / 3
  assert (scores.volumes, scores.excluded) == (2, 1)
  np.testing.assert_allclose(scores.organ_means, [0.3, 0.6])


def test_volumes_are_compared_on_the_organs_that_both_define():
  ours, theirs = cell("a", [[0.5, 0.9], [0.4, NAN]]), cell("b", [[0.2, NAN], [0.1, 0.7]])
  np.testing.assert_allclose(values_by_seed(ours, theirs)[1], [[0.5, 0.4], [0.2, 0.1]])
  assert compare(ours, theirs).difference == pytest.approx(0.3)


def test_only_common_seeds_are_compared():
  ours, theirs = cell("a", [[1, 1]], [[0.6, 0.6]]), cell("b", None, [[0.5, 0.5]])
  gain = compare(ours, theirs)
  assert gain.by_seed == pytest.approx({2: 0.1}) and (gain.ahead, gain.interval, gain.p) == (1, None, None)
  assert compare(ours, cell("c", None, None)) is None
  assert compare(cell("a", [[0.5, NAN]]), cell("b", [[NAN, 0.5]])) is None  # no organ that both define


def test_other_patients_or_organs_are_refused():
  ours, theirs = cell("a", [[1, 1]]), cell("b", [[0.5, 0.5]])
  theirs.cases[1] = ("another",)
  with pytest.raises(InputError, match="seed 1: b was scored on other patients or organs than a"):
    compare(ours, theirs)
  with pytest.raises(InputError, match="other patients or organs"):
    compare(ours, Scores(theirs.cell, ("spleen", "liver"), theirs.dice, ours.cases, ()))


def test_a_seed_is_one_pair_however_many_volumes_it_has():
  """Six seeds that disagree, with fifty volumes each: the tests are scipy's over six differences."""
  means = np.array([0.6, 0.49, 0.55, 0.57, 0.52, 0.48])
  ours = cell("a", *[[[value, value]] * 50 for value in means])
  theirs = cell("b", *[[[0.5, 0.5]] * 50] * 6)
  gain = compare(ours, theirs)
  expected = stats.ttest_rel(means, [0.5] * 6)
  assert gain.p == pytest.approx(expected.pvalue) and gain.interval == pytest.approx(
    tuple(expected.confidence_interval())
  )
  assert gain.wilcoxon_p == pytest.approx(
    2 * 6 / 64
  )  # the negative ranks 1 and 2.5; six of 2^6 choices sum to 3.5 or less
  assert (gain.ahead, gain.difference) == (4, pytest.approx(0.21 / 6))
  shifted = gain.less(0.02)
  assert shifted.difference == pytest.approx(0.21 / 6 - 0.02) and shifted.p == pytest.approx(
    stats.ttest_1samp(means - 0.52, 0).pvalue
  )


def test_five_seeds_have_an_interval_but_no_p():
  gain = compare(constant("a", 0.6, 0.6, 0.7, 0.6, 0.6), constant("b", *[0.5] * 5))
  assert (gain.p, gain.wilcoxon_p) == (None, None) and gain.interval[0] > 0
  assert compare(constant("a", 0.6, 0.7), constant("b", 0.5, 0.5)).interval is None
  assert verdicts(Expectation(("b", "a")), a=(0.6, 0.6, 0.7, 0.6, 0.6), b=(0.5,) * 5) == [
    "too few seeds for a test"
  ]


def test_organs_are_compared_one_by_one_where_both_define_them():
  ours, theirs = cell("a", [[0.5, 0.9], [0.4, NAN]]), cell("b", [[0.2, 0.8], [0.2, 0.7]])
  gains = compare_organs(ours, theirs)
  assert {organ: gain.difference for organ, gain in gains.items()} == pytest.approx(
    {"liver": 0.25, "spleen": 0.1}
  )
  assert list(compare_organs(cell("a", [[0.5, NAN], [0.5, NAN]]), theirs)) == ["liver"]


def test_gap_closed_by_hand():
  full, panns, oracle = constant("full", 0.5, 0.4), constant("panns", 0.7, 0.5), constant("oracle", 0.9, 0.8)
  gap = gap_closed(panns, full, oracle)
  assert gap.value == pytest.approx((0.2 + 0.1) / (0.4 + 0.4))  # 37.5 %
  assert gap.of_seeds == pytest.approx((0.25, 0.5))
  assert gap_closed(oracle, full, oracle).value == pytest.approx(1)
  assert gap_closed(full, full, oracle).value == 0
  assert gap_closed(constant("worse", 0.4, 0.3), full, oracle).value == pytest.approx(-0.25)


def test_there_is_no_gap_without_a_better_oracle():
  full = constant("full", 0.5)
  assert gap_closed(constant("x", 0.6), full, constant("oracle", 0.5)) is None
  assert gap_closed(constant("x", 0.6), full, cell("oracle", None)) is None
  assert gap_closed(constant("x", 0.6, 0.6), constant("full", 0.5, 0.5), constant("oracle", 0.9, 0.4)) is None


def verdicts(*expectations, **cells):
  scores = {name: constant(name, *values) if values else cell(name, None) for name, values in cells.items()}
  return [verdict.verdict for verdict in judge(expectations, scores)]


def test_verdicts():
  cells = {
    "full": (0.5, 0.52, 0.51) * 2,
    "semi": (0.45, 0.46, 0.44) * 2,
    "panns": (0.6, 0.63, 0.6) * 2,
    "missing": (),
  }
  assert verdicts(Expectation(("full", "panns")), **cells) == [
    "holds"
  ]  # gains .10, .11, .09, twice: t = 27.4, p = 1.2e-6
  assert verdicts(Expectation(("full", "panns"), 0.0, 1e-6), **cells) == ["not shown"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["the opposite holds", "holds"]
  assert verdicts(Expectation(("full", "missing")), **cells) == ["not run"]


def test_many_volumes_do_not_make_a_hypothesis_hold():
  """Four seeds of six say yes, the others say no."""
  cells = {"full": (0.5,) * 6, "panns": (0.55, 0.55, 0.45) * 2}
  assert verdicts(Expectation(("full", "panns"), 0.0, 0.3), **cells) == ["not shown"]


def test_a_margin_must_be_passed():
  cells = {"full": (0.5, 0.5, 0.5) * 2, "panns": (0.6, 0.61, 0.59) * 2}
  assert verdicts(Expectation(("full", "panns"), 8.0), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "panns"), 10.0), **cells) == ["not shown"]
  assert verdicts(Expectation(("full", "panns"), 12.0), **cells) == ["not by that much"]


def test_the_steps_of_a_part_are_corrected_together():
  cells = {
    "full": (0.5,) * 6,
    "semi": (0.6, 0.7, 0.5) * 2,
    "panns": (0.7, 0.9, 0.5) * 2,
  }  # t = 2.74, p = .041 each
  assert verdicts(Expectation(("full", "semi")), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["not shown", "not shown"]


def test_no_verdict_where_there_is_no_difference_but_one_time_in_twenty():
  """Seeds and volumes scatter, and the volumes of a seed together, as measured; nothing is true."""
  rng = np.random.default_rng(0)
  found = []
  for _ in range(400):
    gains = rng.normal(0, 0.06, (6, 1, 1)) + rng.normal(0, 0.05, (6, 20, 1)) + np.zeros(2)
    cells = {"a": cell("a", *np.full((6, 20, 2), 0.5)), "b": cell("b", *(0.5 + gains))}
    found.append(judge([Expectation(("a", "b"))], cells)[0].verdict)
  assert 0.02 < np.mean(np.array(found) != "not shown") < 0.08
