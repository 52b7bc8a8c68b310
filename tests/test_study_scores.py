"""Means, pairs, gap and verdicts, on numbers that can be checked by hand."""
import numpy as np
import pytest

from deeplab_panns.study.plan import Cell, Expectation
from deeplab_panns.study.scores import Scores, gap_closed, judge, over_seeds, over_volumes, values_by_seed

NAN = np.nan


def cell(name, *tables):
  """Scores of seeds 1, 2, ...: each a [cases, organs] list, or None where it was not run."""
  dice = {seed: np.array(table, float) for seed, table in enumerate(tables, 1) if table is not None}
  missing = tuple(seed for seed, table in enumerate(tables, 1) if table is None)
  return Scores(Cell(name, "phantom", None, {}), ("liver", "spleen"), dice, missing)


def constant(name, *values):
  return cell(name, *([[value, value]] * 3 for value in values))


def test_the_mean_of_a_seed_is_that_of_the_organs_means():
  scores = cell("x", [[0.2, 0.6], [0.4, NAN]])
  assert scores.seed_means[1] == pytest.approx((0.3 + 0.6) / 2)  # not (0.2 + 0.6 + 0.4) / 3
  assert (scores.volumes, scores.excluded) == (2, 1)
  np.testing.assert_allclose(scores.organ_means, [0.3, 0.6])


def test_volumes_are_compared_on_the_organs_that_both_define():
  ours, theirs = cell("a", [[0.5, 0.9], [0.4, NAN]]), cell("b", [[0.2, NAN], [0.1, 0.7]])
  (values,) = values_by_seed(ours, theirs)
  np.testing.assert_allclose(values, [[0.5, 0.4], [0.2, 0.1]])
  assert over_volumes(ours, theirs).difference == pytest.approx(0.3)


def test_only_common_seeds_are_compared():
  ours, theirs = cell("a", [[1, 1]], [[0.6, 0.6]]), cell("b", None, [[0.5, 0.5]])
  comparison = over_volumes(ours, theirs)
  assert comparison.pairs == 1 and comparison.difference == pytest.approx(0.1)
  assert over_seeds(ours, theirs).comparison.pairs == 1 and over_seeds(ours, theirs).ahead == 1
  assert over_volumes(ours, cell("c", None, None)).pairs == 0


def test_seeds_are_counted_and_from_six_on_tested():
  ours, theirs = constant("a", 0.5, 0.6, 0.4), constant("b", 0.4, 0.4, 0.45)
  five = over_seeds(ours, theirs)
  assert (five.ahead, five.comparison.pairs, five.comparison.ttest_p) == (2, 3, None)
  six = over_seeds(constant("a", 0.5, 0.6, 0.5, 0.7, 0.6, 0.5), constant("b", *[0.4] * 6))
  assert six.ahead == 6 and six.comparison.ttest_p < 0.01


def test_the_interval_over_seeds_is_as_wide_as_the_seeds_are_apart():
  """Two seeds that disagree, with many volumes each: sure over volumes, unsure over seeds."""
  ours = cell("a", [[0.6, 0.6]] * 50, [[0.49, 0.49]] * 50)
  theirs = cell("b", [[0.5, 0.5]] * 50, [[0.5, 0.5]] * 50)
  assert over_volumes(ours, theirs).interval[0] > 0
  assert over_seeds(ours, theirs).interval == pytest.approx((-0.01, 0.1))
  assert over_seeds(ours, theirs, margin=0.02).interval == pytest.approx((-0.03, 0.08))
  assert over_seeds(cell("a", [[0.6, 0.6]]), cell("b", [[0.5, 0.5]])).interval is None


def test_the_interval_over_seeds_of_equal_seeds_is_that_over_volumes():
  rng = np.random.default_rng(0)
  gains = rng.normal(0.1, 0.05, 100)
  ours = cell("a", *[np.repeat(0.5 + gains[:, None], 2, axis=1)] * 6)
  low, high = over_seeds(ours, cell("b", *[[[0.5, 0.5]] * 100] * 6)).interval
  assert high - low == pytest.approx(2 * 1.96 * gains.std() / np.sqrt(6 * 100), rel=0.1)


def test_gap_closed_by_hand():
  full, panns, oracle = constant("full", 0.5, 0.4), constant("panns", 0.7, 0.5), constant("oracle", 0.9, 0.8)
  gap = gap_closed(panns, full, oracle)
  assert gap.value == pytest.approx((0.2 + 0.1) / (0.4 + 0.4))  # 37.5 %
  assert gap.interval == pytest.approx((0.25, 0.5))  # one resample of four has one seed alone, one the other
  assert gap_closed(oracle, full, oracle).value == pytest.approx(1)
  assert gap_closed(full, full, oracle).value == 0
  assert gap_closed(constant("worse", 0.4, 0.3), full, oracle).value == pytest.approx(-0.25)


def test_there_is_no_gap_without_a_better_oracle():
  full = constant("full", 0.5)
  assert gap_closed(constant("x", 0.6), full, constant("oracle", 0.5)) is None
  assert gap_closed(constant("x", 0.6), full, cell("oracle", None)) is None
  assert gap_closed(constant("x", 0.6), full, constant("oracle", 0.7)).interval is None  # one seed


def verdicts(*expectations, **cells):
  scores = {name: constant(name, *values) if values else cell(name, None) for name, values in cells.items()}
  return [verdict.verdict for verdict in judge(expectations, scores)]


def test_verdicts():
  cells = {"full": (0.5, 0.5, 0.5), "semi": (0.45, 0.45, 0.45), "panns": (0.6, 0.6, 0.6), "missing": ()}
  assert verdicts(Expectation(("full", "panns")), **cells) == ["holds"]  # nine pairs, all alike: p = 2 / 2^9
  assert verdicts(Expectation(("full", "panns"), 0.0, 0.001), **cells) == ["not shown"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["the opposite holds", "holds"]
  assert verdicts(Expectation(("full", "missing")), **cells) == ["not run"]


def test_volumes_alone_do_not_make_a_hypothesis_hold():
  """Nine pairs of ten say yes, but the third seed says no."""
  cells = {"full": (0.5, 0.5, 0.5), "panns": (0.6, 0.6, 0.45)}
  assert verdicts(Expectation(("full", "panns"), 0.0, 0.9), **cells) == ["not shown"]


def test_a_margin_must_be_passed():
  cells = {"full": (0.5, 0.5, 0.5), "panns": (0.6, 0.6, 0.6)}
  assert verdicts(Expectation(("full", "panns"), 9.0), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "panns"), 11.0), **cells) == ["the opposite holds"]


def test_the_steps_of_a_part_are_corrected_together():
  cells = {"full": (0.5, 0.5), "semi": (0.6, 0.6), "panns": (0.7, 0.7)}  # six pairs: p = 2 / 2^6 each
  assert verdicts(Expectation(("full", "semi")), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["not shown", "not shown"]
