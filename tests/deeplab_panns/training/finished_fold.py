"""A cross-validation of the tiny store, and what a finished fold leaves behind."""

import dataclasses
import json

import numpy as np

from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.scores import confusion, organ_volumes, score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.organ_volumes import OrganVolume
from tests.conftest import TINY_ORGANS


def held_out_in(experiment, fold):
  return dataclasses.replace(experiment, held_out=dataclasses.replace(experiment.held_out, fold=fold))


def score(organ, dice):
  return OrganScore(organ, dice, 1.0, 2.0, 2.0, 0.5)


def finish(validation, fold, dice=0.5, cases=None, **changed):
  """Leaves in a fold what train and evaluate would."""
  folder = validation.fold_dir(fold)
  RunDirectory(folder).open_for_training(held_out_in(validation.experiment, fold), validation.store)
  cases = validation.folds[fold] if cases is None else cases
  score_table.write_csv(
    folder / "metrics.csv", [(case, score(organ, dice)) for case in cases for organ in TINY_ORGANS]
  )
  organ_volumes.write_csv(
    folder / "volumes.csv", [OrganVolume(case, TINY_ORGANS[0], 10.0, 8.0 + fold) for case in cases]
  )
  confusion.write_csv(
    folder / "confusion.csv", TINY_ORGANS, (1 + fold) * np.eye(1 + len(TINY_ORGANS), dtype=np.int64)
  )
  sha256 = {case.id: case.sha256["label"][:16] for case in validation.store.cases}
  summary = {
    "split": "test",
    "checkpoint": "last",
    "step": 8,
    "grid": "store",
    "references": {case: sha256[case] for case in cases},
    "first_of_patient": {cases[-1]: cases[0]} if len(cases) > 1 else {},
    **changed,
  }
  (folder / "metrics.json").write_text(json.dumps(summary))
