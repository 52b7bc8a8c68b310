"""Merged folds: every case once, numbers that can be checked by hand."""

import json
import statistics

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.scores import confusion, organ_volumes, score_table
from deeplab_panns.training import folds, merged_folds
from tests.conftest import TINY_ORGANS
from tests.deeplab_panns.training.finished_fold import finish, score


def test_merged_numbers_by_hand(validation):
  """Fold 0 has one case of Dice .5, fold 1 three of .7: .65 over cases, .6 over folds."""
  finish(validation, 0, 0.5)
  finish(validation, 1, 0.7)
  summary = merged_folds.merge(
    {fold: validation.fold_dir(fold) for fold in (0, 1)}, validation.folds, validation.run_dir
  )
  assert summary == json.loads((validation.run_dir / "metrics.json").read_text())
  assert summary["mean_dice"] == pytest.approx(0.65) and summary["cases"] == 4
  assert summary["over_cases"]["mean_dice"] == pytest.approx(0.65)
  assert summary["over_cases"]["sd"] == pytest.approx(statistics.stdev([0.5, 0.7, 0.7, 0.7]))
  assert summary["over_folds"]["mean_dice"] == pytest.approx(0.6) and summary["over_folds"]["each"] == {
    "0": 0.5,
    "1": pytest.approx(0.7),
  }
  assert summary["over_folds"]["sd"] == pytest.approx(statistics.stdev([0.5, 0.7]))
  assert set(summary["references"]) == {case for cases in validation.folds.values() for case in cases}
  assert summary["first_of_patient"] == {validation.folds[1][-1]: validation.folds[1][0]}
  rows = score_table.read_csv(validation.run_dir / "metrics.csv")
  assert sorted(case for case, _ in rows) == sorted(
    case for cases in validation.folds.values() for case in cases for _ in TINY_ORGANS
  )
  volumes = organ_volumes.read_csv(validation.run_dir / "volumes.csv")
  assert sorted((volume.case, volume.predicted_ml) for volume in volumes) == sorted(
    (case, 8.0 + fold) for fold, cases in validation.folds.items() for case in cases
  )
  organs, counts = confusion.read_csv(validation.run_dir / "confusion.csv")
  assert organs == tuple(TINY_ORGANS) and np.array_equal(counts, 3 * np.eye(1 + len(TINY_ORGANS)))
  assert "mean Dice 0.6500 over 3 organs and 4 cases" in folds.describe(summary, validation.run_dir)


@pytest.mark.parametrize(
  "seen, together",
  [(([], ["c1"]), ["c1"]), ((None, ["c1"]), ["c1"]), ((None, []), None), (([], []), [])],
)
def test_cases_that_a_fold_was_trained_on_are_not_forgotten(validation, seen, together):
  for fold, ids in enumerate(seen):
    finish(validation, fold, seen_in_training=ids)
  folds_dirs = {fold: validation.fold_dir(fold) for fold in (0, 1)}
  found = merged_folds.merge(folds_dirs, validation.folds, validation.run_dir)
  assert found["seen_in_training"] == together


def test_folds_of_other_organs_are_refused(validation):
  finish(validation, 0)
  finish(validation, 1)
  confusion.write_csv(validation.fold_dir(1) / "confusion.csv", ["liver"], np.eye(2, dtype=np.int64))
  with pytest.raises(InputError, match=r"fold1: confusion\.csv has the organs liver, another fold's"):
    merged_folds.merge(
      {fold: validation.fold_dir(fold) for fold in (0, 1)}, validation.folds, validation.run_dir
    )
  assert not (validation.run_dir / "metrics.csv").exists()


def test_undefined_dice_is_left_out():
  nan = float("nan")
  rows = [("a", score("liver", 0.5)), ("a", score("spleen", nan)), ("b", score("liver", nan))]
  assert merged_folds.case_means(rows) == {"a": 0.5, "b": None}


def test_a_case_in_two_folds_or_missing_is_refused(validation):
  finish(validation, 0)
  finish(validation, 1, cases=[*validation.folds[1], *validation.folds[0]])
  folders = {fold: validation.fold_dir(fold) for fold in (0, 1)}
  with pytest.raises(InputError, match=r"fold1: scores the case 'test_5', as .*fold0 does"):
    merged_folds.merge(folders, validation.folds, validation.run_dir)
  finish(validation, 1, cases=validation.folds[1][1:])
  with pytest.raises(
    InputError, match=r"fold1: scores 2 cases, the store's fold 1 has 3.*full_0; delete its metrics.json"
  ):
    merged_folds.merge(folders, validation.folds, validation.run_dir)
  assert not (validation.run_dir / "metrics.csv").exists()
