"""Scoring runs on a store: which cases, what is written, and the same numbers however many cases are scored
at a time."""

import dataclasses
import json
import os
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from data.stored.store import read_store
from deeplab_panns.postprocessing.mending import Mending
from deeplab_panns.runs.experiment import Experiment, HeldOut
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.runs.trained import TrainedRun
from deeplab_panns.scores import compared_slices, confusion, how_scored, organ_volumes, run_scores
from deeplab_panns.scores.metrics import score_organs
from deeplab_panns.scores.run_scores import evaluate_runs, score_cases, select_cases
from deeplab_panns.segmentation.application import Application
from tests.conftest import TINY_ORGANS

ORGANS = tuple(TINY_ORGANS)


class Thresholds:
  """Stands for a network: what is bright is the spleen, what is less bright the liver."""

  def stored_labels(self, image, spacing_mm):
    del spacing_mm
    return tf.cast(tf.where(image > 170, 2, tf.where(image > 130, 1, 0)), tf.uint8)


def held(fold, validation_fraction=0.0, seed=0, organs=ORGANS, data_dir=""):
  experiment = Experiment(held_out=HeldOut(fold, validation_fraction), seed=seed)
  return TrainedRun(RunDirectory("run"), experiment, organs, str(data_dir), Thresholds(), step=7)


def ids(cases):
  return [case.id for case in cases]


def test_the_cases_of_a_split(tiny_store):
  store = read_store(tiny_store)
  assert ids(select_cases(store, [held(0)], "test")) == ["test_5"]
  assert sorted(ids(select_cases(store, [held(1)], "test"))) == ["full_0", "full_1", "full_2"]
  assert len(select_cases(store, [held(0, 0.4)], "val")) == 1
  assert len(select_cases(store, [held(-1)], "all")) == 6


def test_an_ensemble_is_scored_on_what_no_member_was_trained_on(tiny_store):
  store = read_store(tiny_store)
  assert ids(select_cases(store, [held(0), held(0, seed=1)], "test")) == ["test_5"]
  with pytest.raises(InputError, match=r"--split=test is empty.*--fold=0.*--fold=1"):
    select_cases(store, [held(0), held(1)], "test")
  assert len(select_cases(store, [held(0), held(1)], "all")) == 6


def test_a_store_of_other_organs_is_refused(tiny_store):
  with pytest.raises(InputError, match=r"has the organs liver.*was trained for spleen"):
    select_cases(read_store(tiny_store), [held(0, organs=("spleen", "liver"))], "test")


@pytest.mark.parametrize("workers", [1, 3])
def test_scores_do_not_depend_on_how_many_cases_are_scored_at_a_time(tiny_store, workers):
  store = read_store(tiny_store)
  cases = select_cases(store, [held(-1)], "all")
  result = score_cases(Thresholds(), store.organs, cases, workers)
  assert [case.case for case in result.scored] == ids(cases) and result.overlay.shape[2] == 3
  for case, found in zip(cases, result.scored):
    predicted = Thresholds().stored_labels(np.asarray(case.image()), None).numpy()
    expected = score_organs(
      np.asarray(case.label()), predicted, ORGANS, case.spacing_mm, annotated=case.annotated
    )
    assert repr(list(found.scores)) == repr(expected)
    assert found.sha256 == case.sha256["label"] and 1 <= len(found.slices) <= 3


def test_what_is_written_adds_up(tiny_store, tmp_path, monkeypatch):
  run = held(-1, data_dir=tiny_store)
  monkeypatch.setattr(run_scores, "open_run", lambda run_dir, checkpoint: run)
  evaluation = evaluate_runs(["run"], tmp_path, which="all")
  store = read_store(tiny_store)
  summary = json.loads((tmp_path / "metrics.json").read_text())
  assert summary == evaluation.summary
  assert (summary["split"], summary["grid"], summary["step"], summary["fold"]) == ("all", "store", 7, -1)
  assert summary["references"] == {case.id: case.sha256["label"][:16] for case in store.cases}
  assert evaluation.line.startswith(
    f"run on the all cases of {tiny_store}, on the store's grid: mean Dice 0."
  )
  volumes = organ_volumes.read_csv(tmp_path / "volumes.csv")
  assert len(volumes) == 4 * 3 + 2  # partial cases: the liver alone
  for case in store.cases:
    liver = next(volume for volume in volumes if (volume.case, volume.organ) == (case.id, "liver"))
    assert liver.reference_ml == pytest.approx(case.voxels["liver"] * 0.012)  # 3 x 2 x 2 mm
  organs, counts = confusion.read_csv(tmp_path / "confusion.csv")
  assert organs == ORGANS
  assert counts[1].sum() == sum(case.voxels["liver"] for case in store.cases)
  full = [case for case in store.cases if store.is_full(case)]
  assert counts[0].sum() == sum(case.voxels["background"] for case in full)  # not that of partial cases
  assert {part.case for part in compared_slices.read(tmp_path / "slices.npz")} == set(ids(store.cases))
  assert (tmp_path / "overlay.png").read_bytes().startswith(b"\x89PNG")
  assert summary["seen_in_training"] is None  # this run does not say what it was trained on


def test_further_scans_of_a_patient_are_told_without_a_name(tiny_store, tmp_path, monkeypatch):
  store = read_store(tiny_store)
  patients = {"full_1": "Ann B.", "partial_3": "ann b.", "full_2": "Eve"}
  cases = [dataclasses.replace(case, patient=patients.get(case.id, "")) for case in store.cases]
  monkeypatch.setattr(run_scores, "open_run", lambda run_dir, checkpoint: held(-1, data_dir=tiny_store))
  monkeypatch.setattr(run_scores, "select_cases", lambda store, runs, which: cases)
  assert evaluate_runs(["run"], tmp_path).summary["first_of_patient"] == {"partial_3": "full_1"}
  assert "ann b." not in (tmp_path / "metrics.json").read_text().casefold()


def test_a_damaged_case_does_not_cost_the_scores_of_the_others(tiny_store, tmp_path, monkeypatch):
  store_dir = tmp_path / "store"
  shutil.copytree(tiny_store, store_dir)
  (store_dir / "cases" / "full_1" / "image.npy").write_bytes(b"damaged")
  (store_dir / "cases" / "full_2" / "label.npy").write_bytes(b"damaged")
  monkeypatch.setattr(run_scores, "open_run", lambda run_dir, checkpoint: held(-1, data_dir=store_dir))
  evaluation = evaluate_runs(["run"], tmp_path / "out", which="all")
  assert list(evaluation.failures) == ["full_1", "full_2"]
  assert "was changed or damaged" in evaluation.failures["full_1"]
  assert "label.npy" in evaluation.failures["full_2"]
  summary = json.loads((tmp_path / "out" / "metrics.json").read_text())
  assert summary["cases"] == 4 and list(summary["not_scored"]) == ["full_1", "full_2"]


def test_the_output_is_checked_before_anything_is_segmented(tiny_store, tmp_path, monkeypatch):
  (tmp_path / "metrics.csv").write_text("mine")
  monkeypatch.setattr(run_scores, "open_run", lambda run_dir, checkpoint: held(-1, data_dir=tiny_store))
  monkeypatch.setattr(run_scores, "segment_stored", None)
  with pytest.raises(InputError, match=r"metrics\.csv: exists.*--overwrite"):
    evaluate_runs(["run"], tmp_path, which="all")
  with pytest.raises(InputError, match="cannot be written to"):
    evaluate_runs(["run"], tmp_path / "metrics.csv", which="all")


def test_the_score_of_a_run_on_its_own_cases_goes_to_tensorboard(tmp_path):
  run = types.SimpleNamespace(directory=RunDirectory(tmp_path), step=70)
  assert run_scores._to_tensorboard([run], "test", {"mean_dice": 0.5}) == () and not os.listdir(tmp_path)
  run.directory.events.mkdir()  # as train leaves it
  for runs, which in (([run, run], "test"), ([run], "all")):
    assert run_scores._to_tensorboard(runs, which, {"mean_dice": 0.5}) == ()
  assert not list(run.directory.events.iterdir())
  assert run_scores._to_tensorboard([run], "test", {"mean_dice": 0.5}) == ()
  (file,) = run.directory.events.iterdir()
  assert b"evaluation/test/dice/mean" in file.read_bytes()


class WithASpeck(Thresholds):
  """Draws a stray voxel too."""

  def stored_labels(self, image, spacing_mm):
    labels = super().stored_labels(image, spacing_mm).numpy()
    labels[0, 0, 0] = 1
    return labels


def test_how_labels_were_made_is_told_with_the_scores(tiny_store, tmp_path, monkeypatch):
  """A stray voxel is gone before the scores are taken, and metrics.json says why."""
  run = dataclasses.replace(held(-1, data_dir=tiny_store), segmenter=WithASpeck())
  monkeypatch.setattr(run_scores, "open_run", lambda run_dir, checkpoint: run)
  plain = evaluate_runs(["run"], tmp_path / "plain", which="all")
  mended = evaluate_runs(["run"], tmp_path / "mended", which="all", mending=Mending(min_piece_share=1.0))
  assert plain.summary["test_time"] == how_scored.record(Application(), Mending())
  assert mended.summary["test_time"]["min_piece_share"] == 1.0
  assert mended.line.startswith(
    f"run on the all cases of {tiny_store}, on the store's grid, --min_piece_share=1: "
  )
  volumes = [
    sum(v.predicted_ml for v in organ_volumes.read_csv(tmp_path / name / "volumes.csv"))
    for name in ("plain", "mended")
  ]
  assert volumes[1] < volumes[0]


def test_a_run_that_has_not_reached_its_end_is_told(tiny_store, tmp_path, monkeypatch):
  run = held(-1, data_dir=tiny_store)
  monkeypatch.setattr(run_scores, "open_run", lambda run_dir, checkpoint: run)
  (note,) = evaluate_runs(["run"], tmp_path, which="all").notes
  assert note == f"run: training has not reached its end: step 7 of {run.experiment.steps}"
  assert not evaluate_runs(["run"], tmp_path, which="all", checkpoint="best").notes
