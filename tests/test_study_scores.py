"""Means, pairs, gap and verdicts, on numbers that can be checked by hand."""
import numpy as np
import pytest

from deeplab_panns.study_plan import Cell, Expectation
from deeplab_panns.study_scores import Scores, gap_closed, judge, over_seeds, over_volumes, volume_values

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
  values = volume_values(ours, theirs)
  np.testing.assert_allclose(values[0], [0.5, 0.4])
  np.testing.assert_allclose(values[1], [0.2, 0.1])
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


def test_gap_closed_by_hand():
  full, panns, oracle = constant("full", 0.5, 0.4), constant("panns", 0.7, 0.5), constant("oracle", 0.9, 0.8)
  gap = gap_closed(panns, full, oracle)
  assert gap.value == pytest.approx((0.2 + 0.1) / (0.4 + 0.4))  # 37.5 %
  # 1 in 64 resamples is of one seed's volumes alone, below 2.5 %: at the ends one of six is of the other.
  assert gap.interval == pytest.approx(((5 * 0.1 + 0.2) / 2.4, (5 * 0.2 + 0.1) / 2.4))
  assert gap_closed(oracle, full, oracle).value == pytest.approx(1)
  assert gap_closed(full, full, oracle).value == 0
  assert gap_closed(constant("worse", 0.4, 0.3), full, oracle).value == pytest.approx(-0.25)


def test_there_is_no_gap_without_a_better_oracle():
  full = constant("full", 0.5)
  assert gap_closed(constant("x", 0.6), full, constant("oracle", 0.5)) is None
  assert gap_closed(constant("x", 0.6), full, cell("oracle", None)) is None
  assert gap_closed(constant("x", 0.6), full, constant("oracle", 0.7)).interval is None  # three volumes


def verdicts(*expectations, **cells):
  scores = {name: constant(name, *values) if values else cell(name, None) for name, values in cells.items()}
  return [verdict.verdict for verdict in judge(expectations, scores)]


def test_verdicts():
  cells = {"full": (0.5, 0.5, 0.5), "semi": (0.45, 0.45, 0.45), "panns": (0.6, 0.6, 0.6), "missing": ()}
  assert verdicts(Expectation(("full", "panns")), **cells) == ["holds"]  # nine pairs, all alike: p = 2 / 2^9
  assert verdicts(Expectation(("full", "panns"), 0.0, 0.001), **cells) == ["not shown"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["the opposite holds", "holds"]
  assert verdicts(Expectation(("full", "missing")), **cells) == ["not run"]


def test_a_margin_must_be_passed():
  cells = {"full": (0.5, 0.5, 0.5), "panns": (0.6, 0.6, 0.6)}
  assert verdicts(Expectation(("full", "panns"), 9.0), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "panns"), 11.0), **cells) == ["the opposite holds"]


def test_the_steps_of_a_part_are_corrected_together():
  cells = {"full": (0.5, 0.5), "semi": (0.6, 0.6), "panns": (0.7, 0.7)}  # six pairs: p = 2 / 2^6 each
  assert verdicts(Expectation(("full", "semi")), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["not shown", "not shown"]
