"""The folder of one run: its settings, its lock, and where its parts lie."""
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import pathlib

from data.input_error import InputError
from data.stored.store import Store
from data.whole_file import write_text
from deeplab_panns.config import Experiment, differences, load_experiment, save_experiment


class RunDirectory:
  """RUN/experiment.json, data.json, prior.json, checkpoints/, events/, and what evaluate and predict add."""

  def __init__(self, path):
    self.path = pathlib.Path(path)
    self.experiment = self.path / "experiment.json"
    self.data = self.path / "data.json"
    self.prior = self.path / "prior.json"
    self.checkpoints = self.path / "checkpoints"
    self.events = self.path / "events"
    self.resampled = self.path / "resampled"  # the store's cases at --spacing_mm, where that is not the store's

  def open_for_training(self, experiment: Experiment, store: Store):
    """Writes the settings of a new run, or checks that a started one has the same.

    Raises:
      InputError: If the folder holds a run of other flags or of another store.
    """
    if not self.experiment.exists():
      self.path.mkdir(parents=True, exist_ok=True)
      data = {"data_dir": str(store.path.resolve()), "organs": store.organs, "fingerprint": fingerprint(store)}
      write_text(self.data, json.dumps(data, indent=1))
      save_experiment(experiment, self.experiment)
      return
    changed = differences(experiment, load_experiment(self.experiment))
    if changed:
      raise InputError(f"{self.path}: holds a run of other flags: {'; '.join(changed)}; "
                       "give these as they were, or choose another --run_dir.")
    self.require_same_data(store)

  def require_same_data(self, store):
    """Raises InputError if the store's organs, cases or arrays are not those the run began with."""
    if json.loads(self.data.read_text(encoding="utf-8"))["fingerprint"] != fingerprint(store):
      raise InputError(f"{self.path}: was trained on another content of the store than {store.path} has now; "
                       "choose another --run_dir, or prepare the store as it was.")

  @contextlib.contextmanager
  def locked(self):
    """Holds the run for this process; the operating system lets go of it however the process ends."""
    self.path.mkdir(parents=True, exist_ok=True)
    with open(self.path / "lock", "w", encoding="utf-8") as lock:
      try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except BlockingIOError:
        raise InputError(f"{self.path}: another process is training there; wait for it, or choose another --run_dir.") from None
      yield

  def require_run(self):
    """(experiment, organs, data_dir) of a trained run. Raises InputError if the folder holds none."""
    if not self.experiment.exists() or not self.data.exists():
      raise InputError(f"{self.path}: holds no run (no experiment.json); "
                       "--run_dir names a folder that `python -m deeplab_panns.train` wrote.")
    data = json.loads(self.data.read_text(encoding="utf-8"))
    return load_experiment(self.experiment), tuple(data["organs"]), data["data_dir"]


def fingerprint(store: Store):
  """One hash of all that training can see of a store: organs, annotations, folds, arrays."""
  content = [store.organs, [(case.id, case.annotated, case.fold, case.sha256["image"], case.sha256["label"])
                            for case in store.cases]]
  return hashlib.sha256(json.dumps(content).encode()).hexdigest()
