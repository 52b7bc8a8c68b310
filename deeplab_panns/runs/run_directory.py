"""The folder of one run: its settings, its lock, and where its parts lie."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
from typing import Any

import numpy as np

from data.files.file_lock import locked
from data.input_error import InputError
from data.stored.splits import split
from data.stored.store import Store, StoredCase
from data.whole_file import write_text
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.flat_settings import differences, load_experiment, save_experiment
from deeplab_panns.runs.setting_names import STAGE_2_SETTINGS


@dataclasses.dataclass(frozen=True)
class RunSettings:
  """What a run was started with.

  Attributes:
    organs: in the order of the labels 1…K.
    data_dir: the store it was trained on.
    fingerprint: of that store's content.
    scans: {"spacing_mm" and "extent_mm": [smallest (z, y, x), largest (z, y, x)]} of the store's scans; {} in
      runs of versions that did not write it.
    labeled: a hash of each labelled case trained on; () in runs of versions that did not write it.
    patients: `patients_hash` of the store; "" likewise.
  """

  experiment: Experiment
  organs: tuple[str, ...]
  data_dir: str
  fingerprint: str
  scans: dict[str, Any] = dataclasses.field(default_factory=dict)
  labeled: tuple[str, ...] = ()
  patients: str = ""


class RunDirectory:
  """RUN/experiment.json, data.json, prior.json, run.json, checkpoints/, events/, and what evaluate adds."""

  def __init__(self, path: str | os.PathLike[str]):
    self.path = pathlib.Path(path)
    self.experiment = self.path / "experiment.json"
    self.data = self.path / "data.json"
    self.prior = self.path / "prior.json"
    self.record = self.path / "run.json"
    self.checkpoints = self.path / "checkpoints"
    self.events = self.path / "events"
    # the store's cases at --spacing_mm, where that is not the store's
    self.resampled = self.path / "resampled"

  def require_vacant(self) -> None:
    """Raises InputError if a new run would lie among, or replace, files that are no run's."""
    if self.experiment.exists():
      return
    foreign = [
      name for name in ("index.json", "dataset.json", "saved_model.pb") if (self.path / name).exists()
    ]
    ours = (self.checkpoints, self.prior, self.record)
    foreign += [file.name for file in ours if file.exists()]
    # `forget` would delete these; an empty lock may be of a start that was killed
    others = (self.events, self.resampled, self.path / "lock")
    foreign += [path.name for path in others if path.exists() and _holds(path)]
    if self.data.exists() and '"fingerprint"' not in self.data.read_text(encoding="utf-8", errors="replace"):
      foreign.append(self.data.name)
    if foreign:
      raise InputError(
        f"{self.path}: holds {', '.join(foreign)} and no run; choose a new folder, or a run's, as --run_dir."
      )

  def open_for_training(self, experiment: Experiment, store: Store) -> None:
    """Writes the settings of a new run, or checks that a started one has the same.

    Raises:
      InputError: If the folder holds a run of other flags or of another store.
    """
    if not self.experiment.exists():
      self.path.mkdir(parents=True, exist_ok=True)
      data = {
        "data_dir": str(store.path.resolve()),
        "organs": store.organs,
        "fingerprint": fingerprint(store),
        "patients": patients_hash(store),
        "scans": scan_ranges(store),
        "labeled": sorted(labeled_hashes(store, experiment)),
      }
      write_text(self.data, json.dumps(data, indent=1))
      save_experiment(experiment, self.experiment)
      return
    changed = differences(experiment, load_experiment(self.experiment))
    if changed:
      raise InputError(
        f"{self.path}: holds a run of other flags: {'; '.join(changed)}; "
        "give these as they were, or choose another --run_dir."
      )
    self.require_same_data(store)

  def forget(self) -> None:
    """Takes back a run that was refused before its first step, so that a corrected command can begin it."""
    for file in (self.experiment, self.data, self.prior, self.record):
      file.unlink(missing_ok=True)
    for folder in (self.resampled, self.events, self.checkpoints):
      shutil.rmtree(folder, ignore_errors=True)
    (self.path / "lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it was there before, with files of others
      self.path.rmdir()

  def require_same_data(self, store: Store) -> None:
    """Raises InputError if the store's organs, cases or arrays are not those the run began with."""
    ours = self.settings()
    if not is_content_of(store, ours.fingerprint, ours.patients):
      raise InputError(
        f"{self.path}: was trained on another content of the store than {store.path} has now; "
        "choose another --run_dir, or prepare the store as it was."
      )

  def stage1_for(self, experiment: Experiment, store: Store) -> pathlib.Path:
    """The checkpoints of this run, whose stage 1 another one wants to start from.

    The stores may differ as long as the other run trains on all labelled cases that this one was trained on:
    no case that it holds out has then been seen.

    Raises:
      InputError: If the other one's stage 1 would be trained otherwise, or this one saw labelled cases that
        the other does not train on.
    """
    ours = self.settings()
    theirs = ours.experiment
    if not experiment.has_stage1_of(theirs):
      changed = "; ".join(differences(experiment, theirs, ignoring=STAGE_2_SETTINGS))
      raise InputError(
        f"--stage1_run={self.path}: its stage 1 is another: {changed}; give these alike, or leave the flag "
        "out."
      )
    seen = set(ours.labeled)
    if ours.organs != store.organs or not seen or not seen <= labeled_hashes(store, experiment):
      self.require_same_data(store)
    return self.checkpoints

  def locked(self) -> contextlib.AbstractContextManager[None]:
    """Holds the run for this process. Raises InputError if another one is training it."""
    return locked(
      self.path / "lock",
      f"{self.path}: another process is training there; wait for it, or choose another --run_dir.",
    )

  def settings(self) -> RunSettings:
    """What the run was started with. Raises InputError if the folder holds none, or one that cannot be
    read."""
    if not self.experiment.exists() or not self.data.exists():
      raise InputError(
        f"{self.path}: holds no run (no experiment.json); "
        "--run_dir names a folder that `python -m deeplab_panns.train` wrote."
      )
    experiment = load_experiment(self.experiment)
    try:
      data = json.loads(self.data.read_text(encoding="utf-8"))
      organs, scans = data["organs"], data.get("scans", {})
      if not isinstance(organs, list) or not organs or not all(isinstance(organ, str) for organ in organs):
        raise ValueError(f"organs: {organs!r:.40}")
      if not isinstance(scans, dict):
        raise ValueError(f"scans: {scans!r:.40}")
      data_dir, content = str(data["data_dir"]), str(data["fingerprint"])
      labeled = tuple(map(str, data.get("labeled", [])))
      patients = str(data.get("patients", ""))
      return RunSettings(experiment, tuple(organs), data_dir, content, scans, labeled, patients)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
      raise InputError(
        f"{self.data}: does not say which data the run was trained on ({error!r:.80}); restore the file, or "
        "train the run again."
      ) from None


def scan_ranges(store: Store) -> dict[str, Any]:
  """How large the store's scans and voxels are: what a scan to predict is compared with."""
  spacings = np.array([case.spacing_mm for case in store.cases])
  extents = spacings * np.array([case.shape for case in store.cases])
  return {
    name: [values.min(axis=0).tolist(), values.max(axis=0).tolist()]
    for name, values in (("spacing_mm", spacings), ("extent_mm", extents))
  }


def labeled_hashes(store: Store, experiment: Experiment) -> set[str]:
  """One hash for each labelled case, its image and label, that the experiment trains on."""
  held_out = experiment.held_out
  splits = split(store, held_out.fold, held_out.validation_fraction, experiment.seed)
  return {"-".join(case.sha256[name] for name in ("image", "label")) for case in splits.labeled}


def fingerprint(store: Store) -> str:
  """One hash of what training can see of a store: organs, annotations, folds, arrays and how their voxels
  lie; not of whose scans they are."""
  return _hash(_content(store))


def patients_hash(store: Store) -> str:
  """One hash of whose scans they are, which decides what validates together."""
  return _hash([[case.id, case.patient] for case in store.cases])


def _holds(path: pathlib.Path) -> bool:
  """Whether a folder has an entry, or a file a byte."""
  return any(path.iterdir()) if path.is_dir() else path.stat().st_size > 0


def is_content_of(store: Store, recorded: str, patients: str = "") -> bool:
  """Whether `recorded` is the fingerprint of the store; runs of before 2026-11-27 left out the spacings.

  Args:
    patients: the recorded `patients_hash`; "" where a run did not record it.
  """
  if patients and patients != patients_hash(store):
    return False
  return recorded in (fingerprint(store), _hash([store.organs, [_seen(case) for case in store.cases]]))


def _content(store: Store) -> list[Any]:
  return [store.organs, [(*_seen(case), case.spacing_mm, case.separate_slices) for case in store.cases]]


def _seen(case: StoredCase) -> tuple[Any, ...]:
  return case.id, case.annotated, case.fold, case.sha256["image"], case.sha256["label"]


def _hash(content: list[Any]) -> str:
  return hashlib.sha256(json.dumps(content).encode()).hexdigest()
