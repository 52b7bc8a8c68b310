"""A whole store checked, case by case side by side."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Mapping

import tqdm

from data.check.stored_case import CaseCheck, check_stored_case
from data.input_error import InputError
from data.stored.case_folder import Entry
from data.stored.findings import require_each_scan_once, without_sketch
from data.stored.preparation import index_entries, index_window
from data.stored.preprocess import WINDOW_HU
from data.stored.store import Store, read_store
from data.whole_file import AnyPath
from data.worker_pool import in_processes


@dataclasses.dataclass(frozen=True)
class StoreCheck:
  """What was found in a store.

  Attributes:
    cases: by id, in the order of the index.
    faults: of the store as a whole.
    notes: what is no fault.
  """

  store: Store
  cases: Mapping[str, CaseCheck]
  faults: tuple[str, ...]
  notes: tuple[str, ...]


def check_store(path: AnyPath, workers: int = 1) -> StoreCheck:
  """Reads every array of a store; a bar on a terminal shows how far it got.

  Args:
    workers: cases read at a time.
  Raises:
    InputError: If there is no store, or its index is damaged.
  """
  store = read_store(path)
  entries = index_entries(store)
  results = in_processes(
    check_stored_case,
    {case.id: (case, store.organs, entry) for case, entry in zip(store.cases, entries)},
    workers,
    f"{path}: a process that checked a case died (memory?); try again with --workers=1.",
  )
  found: dict[str, CaseCheck] = {}
  for case_id, result in tqdm.tqdm(
    results, "check", len(entries), unit="case", disable=not sys.stderr.isatty()
  ):
    found[case_id] = CaseCheck((str(result),), ()) if isinstance(result, InputError) else result
  in_order = {case.id: found[case.id] for case in store.cases}
  return StoreCheck(store, in_order, tuple(_faults(store, entries)), tuple(_notes(store, entries)))


def _faults(store: Store, entries: list[Entry]) -> list[str]:
  lines = []
  window = index_window(store)
  if window != list(WINDOW_HU):
    lines.append(
      f"{store.path}: the index says that grey values are the HU {window}, this program means "
      f"{list(WINDOW_HU)}; prepare the store anew"
    )
  try:
    require_each_scan_once(str(store.path), entries, same_role=False)
  except InputError as error:
    lines.append(str(error))
  return lines


def _notes(store: Store, entries: list[Entry]) -> list[str]:
  listed = {case.id for case in store.cases}
  folders = sorted(path for path in pathlib.Path(store.path / "cases").iterdir() if path.name not in listed)
  unlisted = [f"{folder}: is not in the index and takes up room" for folder in folders]
  return [*unlisted, *without_sketch(entries)]
