"""What a trained run is, in words and numbers that travel with it: for the files of an export."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from data.input_error import InputError
from data.stored.preprocess import WINDOW_HU
from data.stored.store import read_store
from deeplab_panns.portable.onnx_model import FORMAT
from deeplab_panns.runs.flat_settings import to_flat
from deeplab_panns.runs.run_directory import is_content_of
from deeplab_panns.runs.trained import TrainedRun, splits_of
from deeplab_panns.segmentation.sliding_window import Windows

INTENDED_USE = (
  "Research: label maps and volumes of organs in CT, looked over by a reader. Not a medical device: not for "
  "diagnosis, treatment, or any decision about a patient."
)


def facts_of(run: TrainedRun) -> dict[str, Any]:
  """The facts of a run, in types that JSON has, without paths of this machine and ids of cases.

  Returns:
    "format", "version" (of this project), "organs" (of the labels 1…K), "window_hu" and "spacing_mm" (z, y,
    x; None: a scan's own), "view" and "slices_per_input", or "patch_size" (z, y, x) and "overlap", "scans"
    (see ScanRanges), "training", "scores" and "intended_use".

    "training": "step", "settings" (as flags have them), "fingerprint" (of the store's content), and "cases",
    None if the store is gone or has changed since. "scores": see `scores_of`; None without scores.
  """
  grid = run.segmenter.grid
  if isinstance(grid, Windows):
    shape: dict[str, Any] = {"patch_size": list(grid.patch_size), "overlap": grid.overlap}
  else:
    view = run.experiment.input_grid
    shape = {name: getattr(view, name) for name in ("view", "slices_per_input")}
  training = {
    "step": run.step,
    "settings": json.loads(json.dumps(to_flat(run.experiment))),
    "fingerprint": run.fingerprint,
    "cases": _cases(run),
  }
  return {
    "format": FORMAT,
    "version": version(),
    "organs": list(run.organs),
    "window_hu": list(WINDOW_HU),
    "spacing_mm": list(run.experiment.spacing_mm),
    **shape,
    "scans": json.loads(json.dumps(run.scans)),
    "training": training,
    "scores": scores_of(run),
    "intended_use": INTENDED_USE,
  }


def version() -> str:
  """Of this project as installed."""
  try:
    return importlib.metadata.version("panns")
  except importlib.metadata.PackageNotFoundError:
    return "not installed"


def _cases(run: TrainedRun) -> dict[str, Any] | None:
  """{"labelled", "partial", "validation", "test": cases; "annotated": {organ: training cases that have it
  annotated}}; None if the store is not what the run was trained on."""
  try:
    store = read_store(run.data_dir)
  except InputError:
    return None
  if not is_content_of(store, run.fingerprint, run.patients):
    return None
  splits = splits_of(run, store)
  if run.step <= run.experiment.stage1.steps:  # the partial cases come after this checkpoint
    splits = dataclasses.replace(splits, partial=())
  as_unlabelled = run.experiment.stage2.supervision == "semi"
  training = splits.labeled if as_unlabelled else splits.labeled + splits.partial
  annotated = {organ: sum(organ in case.annotated for case in training) for organ in run.organs}
  parts = {"labelled": splits.labeled, "partial": splits.partial}
  held_out = {"validation": splits.validation, "test": splits.test}
  return {**{name: len(cases) for name, cases in {**parts, **held_out}.items()}, "annotated": annotated}


def scores_of(run: TrainedRun) -> dict[str, Any] | None:
  """The run's scores on cases that it was not trained on, as `evaluate` left them in its folder.

  Returns:
    {"split": "val" or "test", "cases", "mean_dice", "organs": {organ: {"dice", "sd", "n"}},
    "chose_checkpoint"}: n cases define an organ's Dice; the cases may have chosen the best checkpoint. None
    if there are none, or they are of another run, checkpoint or store, of cases in training, of fewer cases
    than were to be scored, or of labels that an exported model does not give (evaluate --test_scales, ...).
  """
  try:
    found = json.loads((run.directory.path / "metrics.json").read_text(encoding="utf-8"))
    if not _is_of(found, run):
      return None
    organs = {
      organ: {"dice": scores["dice"], "sd": scores["dice_sd"], "n": scores["cases"] - scores["excluded"]}
      for organ, scores in found["organs"].items()
    }
    chose = found["split"] == "val" and found.get("checkpoint") == "best"
    scores = {name: found[name] for name in ("split", "cases", "mean_dice")}
    return {**scores, "organs": organs, "chose_checkpoint": chose}
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    return None


def _is_of(found: Mapping[str, Any], run: TrainedRun) -> bool:
  return (
    found.get("split") in ("val", "test")
    and found["step"] == run.step
    and len(found["run_dirs"]) == 1
    and _same_folder(found["run_dirs"][0], run.directory.path)
    and _same_folder(found.get("data_dir", run.data_dir), run.data_dir)
    and not found.get("not_scored")
    and found.get("seen_in_training", []) == []  # None: not known
    and _is_plain(found.get("test_time"))
  )


def _same_folder(recorded: str, folder: str | os.PathLike[str]) -> bool:
  """Whether a path is that of the folder, or of what has been moved since."""
  there = pathlib.Path(recorded)
  return not there.exists() or there.resolve() == pathlib.Path(folder).resolve()


def _is_plain(how: Mapping[str, Any] | None) -> bool:
  """Whether an evaluation applied the network as an exported model is: at one scale, and mending nothing."""
  if how is None:
    return True
  return how["test_scales"] == [1.0] and not any(how[name] for name in how if name != "test_scales")
