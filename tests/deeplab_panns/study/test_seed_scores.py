"""The arrays of scores, and which seeds, volumes and organs two cells are compared on."""

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.seed_scores import Scores, load, values_by_seed
from tests.deeplab_panns.study.conftest import CELLS, PART, cell_scores

NAN = np.nan


def kept(folder, rows_of_seeds):
  """The runs of the first cell, and a cache that holds (case, organ, Dice) of each seed."""
  cache, runs = Cache(folder / "results", "tiny"), []
  for seed, rows in rows_of_seeds.items():
    (run,) = (run for run in plan_runs(PART, [seed]) if run.cell is CELLS[0])
    runs.append(run)
    if rows:
      scores = [(case, OrganScore(organ, dice, 1, 1, 1, 0)) for case, organ, dice in rows]
      score_table.write_csv(folder / "metrics.csv", scores)
      cache.keep(run, folder / "metrics.csv", 1)
  return runs, cache


def test_loaded_scores_have_cases_in_one_order_and_tell_what_is_missing(tmp_path):
  rows = [("b", "liver", 0.5), ("b", "spleen", NAN), ("a", "liver", 0.25), ("a", "spleen", 0.75)]
  runs, cache = kept(tmp_path, {1: rows, 2: None})
  scores = load(CELLS[0], runs, cache)
  assert scores.organs == ("liver", "spleen") and scores.cases == {1: ("a", "b")} and scores.missing == (2,)
  np.testing.assert_array_equal(scores.dice[1], [[0.25, 0.75], [0.5, NAN]])


@pytest.mark.parametrize(
  "rows", [[("a", "liver", 0.5), ("a", "liver", 0.5)], [("a", "liver", 0.5), ("b", "spleen", 0.5)]]
)
def test_a_file_with_lines_twice_or_missing_is_named(tmp_path, rows):
  runs, cache = kept(tmp_path, {1: rows})
  with pytest.raises(InputError, match=f"{runs[0].key}.csv: has 2 lines"):
    load(CELLS[0], runs, cache)


def test_the_mean_of_a_seed_is_that_of_the_organs_means():
  scores = cell_scores("x", [[0.2, 0.6], [0.4, NAN]])
  assert scores.seed_means[1] == pytest.approx((0.3 + 0.6) / 2)  # not (0.2 + 0.6 + 0.4) / 3
  assert (scores.volumes, scores.excluded) == (2, 1)
  np.testing.assert_allclose(scores.organ_means, [0.3, 0.6])


def test_volumes_are_compared_on_the_organs_that_both_define():
  ours, theirs = cell_scores("a", [[0.5, 0.9], [0.4, NAN]]), cell_scores("b", [[0.2, NAN], [0.1, 0.7]])
  np.testing.assert_allclose(values_by_seed(ours, theirs)[1], [[0.5, 0.4], [0.2, 0.1]])


def test_seeds_and_volumes_without_a_common_organ_are_left_out():
  ours = cell_scores("a", [[0.5, NAN], [0.6, 0.8]], [[0.5, NAN]], [[0.7, 0.7]])
  theirs = cell_scores("b", [[NAN, 0.5], [0.4, 0.2]], [[NAN, 0.5]], None)
  assert {seed: values.tolist() for seed, values in values_by_seed(ours, theirs).items()} == {
    1: [[pytest.approx(0.7)], [pytest.approx(0.3)]]
  }


def test_other_patients_or_organs_are_refused():
  ours, theirs = cell_scores("a", [[1, 1]]), cell_scores("b", [[0.5, 0.5]])
  theirs.cases[1] = ("another",)
  with pytest.raises(InputError, match="seed 1: b was scored on other patients or organs than a"):
    values_by_seed(ours, theirs)
  with pytest.raises(InputError, match="other patients or organs"):
    values_by_seed(ours, Scores(theirs.cell, ("spleen", "liver"), theirs.dice, ours.cases, ()))
