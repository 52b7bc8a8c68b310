"""Which of the scored cases a network was trained on: their scores say nothing about other patients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data.guards.voxel_sketch import overlapping
from data.input_error import InputError
from data.stored.splits import patient_of
from data.stored.store import Store, StoredCase, read_store
from deeplab_panns.runs.run_directory import is_content_of
from deeplab_panns.runs.trained import TrainedRun, splits_of


def seen_by_any(runs: Iterable[TrainedRun], store: Store, cases: Sequence[StoredCase]) -> list[str] | None:
  """Ids of the cases that one of the runs was trained on; None if none is known and not all runs can tell.

  Args:
    store: of the cases.
  """
  found = [_seen(run, store, cases) for run in runs]
  seen = {case_id for ids in found if ids is not None for case_id in ids}
  if not seen and any(ids is None for ids in found):
    return None
  return [case.id for case in cases if case.id in seen]


def _seen(run: TrainedRun, store: Store, cases: Sequence[StoredCase]) -> set[str] | None:
  training_store = _store_of(run, store)
  if training_store is None:
    images = {of_case.partition("-")[0] for of_case in run.labeled}
    return {case.id for case in cases if case.sha256["image"] in images} or None  # of others it is not known
  splits = splits_of(run, training_store)
  trained = (*splits.labeled, *splits.partial)
  used = {sha256 for case in trained for sha256 in _hashes(case)}
  # names of patients are those of one manifest: of another store they may be others'
  patients = {patient_of(case) for case in trained} if training_store is store else set()
  sketches = {
    (role, case.id): case.sketch
    for role, of_role in (("train", trained), ("score", cases))
    for case in of_role
  }
  in_part = {
    case_id for (one, _), (other, case_id) in overlapping(sketches) if (one, other) == ("train", "score")
  }
  return {
    case.id for case in cases if used & _hashes(case) or case.id in in_part or patient_of(case) in patients
  }


def _store_of(run: TrainedRun, store: Store) -> Store | None:
  """The store that the run was trained on, if it is as it was: this one, or the one that it names."""
  if is_content_of(store, run.fingerprint, run.patients):
    return store
  try:
    other = read_store(run.data_dir)
  except InputError:
    return None
  return other if is_content_of(other, run.fingerprint, run.patients) else None


def _hashes(case: StoredCase) -> set[str]:
  """Of its scan as stored, and of the file that it was made from: stores may differ in spacing and ids."""
  return {case.sha256[name] for name in ("image", "source_image") if name in case.sha256}
