"""Several stores in one: cases with their folds, and no patient in train and test."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Collection, Sequence

from data.cases import is_case_id, same_folder
from data.files.outputs import make_folder
from data.guards.case_guards import TELL_ALL, GuardRules
from data.input_error import InputError
from data.listed import listed
from data.overview.page import THUMBNAIL
from data.spacing import describe_spacing
from data.stored.case_folder import Entry
from data.stored.findings import require_each_scan_once
from data.stored.preparation import (
  index_content,
  index_entries,
  index_window,
  require_own_index,
  write_index,
)
from data.stored.store import Store, StoredCase, read_store
from data.whole_file import AnyPath, whole


@dataclasses.dataclass(frozen=True)
class Source:
  """One store of several.

  Attributes:
    store: where it lies.
    prefix: put before its cases' ids.
    own_patients: a patient's name is nobody's of another store; the prefix is put before it as well.
  """

  store: AnyPath
  prefix: str = ""
  own_patients: bool = False


def merge_stores(
  sources: Sequence[Source],
  output_dir: AnyPath,
  leave_out: Collection[str] = (),
  guards: GuardRules = TELL_ALL,
) -> Store:
  """Makes one store of several. Their files are linked where the file system can, else copied.

  Args:
    leave_out: ids, with their prefix, of cases that are not taken.
    guards: may override `duplicate`.
  Returns:
    The new store; its cases keep their folds.
  Raises:
    InputError: If the stores have other organs, spacings or the same ids, if a scan is in train and test, or
      if the folder holds what is no store.
  """
  output_dir = pathlib.Path(output_dir)
  stores = [read_store(source.store) for source in sources]
  _require_alike(stores)
  folders = [os.path.realpath(store.path) for store in stores]
  if os.path.realpath(output_dir) in folders:
    raise InputError(f"{output_dir}: is one of the stores to merge; name another folder by --output_dir.")
  taken = _cases(sources, stores)
  unknown = sorted(set(leave_out) - taken.keys())
  if unknown:
    raise InputError(f"--leave_out: no store has {listed(unknown, 5)}; ids are with their prefix.")
  taken = {case_id: of_case for case_id, of_case in taken.items() if case_id not in leave_out}
  if not taken:
    raise InputError("--leave_out: leaves no case; name fewer.")
  entries = [entry for _, entry in taken.values()]
  way_out = "Drop one by --leave_out, or give --override_guards=duplicate."
  if any(entry.get("patient") for entry in entries):
    way_out += " Patients of equal names that are other people are told apart by --prefixes, --own_patients."
  require_each_scan_once("--stores", entries, guards, same_role=False, way_out=way_out)
  make_folder(output_dir)
  require_own_index(output_dir)
  (output_dir / "index.json").unlink(missing_ok=True)
  for case_id, (folder, _) in taken.items():
    _bring(folder, output_dir / "cases" / case_id)
  names = " + ".join(store.path.absolute().name for store in stores)
  write_index(output_dir, index_content(names, stores[0].organs, stores[0].spacing_mm, entries))
  return read_store(output_dir)


def other_folds(sources: Sequence[Source]) -> list[str]:
  """A line where the stores were not divided into the same folds: a number then says another in each."""
  folds = {
    str(store.path): sorted({case.fold for case in store.cases if case.fold is not None})
    for store in (read_store(source.store) for source in sources)
  }
  told = {path: numbers for path, numbers in folds.items() if numbers}
  if len({tuple(numbers) for numbers in told.values()}) < 2:
    return []
  words = listed(f"{path} has {listed(map(str, numbers), 6)}" for path, numbers in told.items())
  return [
    f"the stores have other folds ({words}): a fold holds out what has its number in each. The folds 0 "
    "and 1 of --part=all are the held-out part and the rest of that data set: prepare it by --part=train"
  ]


def _cases(sources: Sequence[Source], stores: Sequence[Store]) -> dict[str, tuple[pathlib.Path, Entry]]:
  """{id: (folder, entry of the index)} of all cases. Raises InputError if two have one id."""
  found: dict[str, tuple[pathlib.Path, Entry]] = {}
  first: dict[str, str] = {}
  for source, store in zip(sources, stores):
    for case, entry in zip(store.cases, index_entries(store)):
      case_id = source.prefix + case.id
      if not is_case_id(case_id):
        raise InputError(
          f"--prefixes: {source.prefix!r} makes the id {case_id!r} of a case; an id names a folder and is "
          "made of at most 200 letters, digits, '.', '_' and '-'. Choose another prefix."
        )
      other = first.setdefault(same_folder(case_id), case_id)
      if other in found:
        raise InputError(
          f"{store.path}: has a case {case_id}, as {found[other][0].parent.parent} has {other}; tell them "
          "apart by --prefixes=a_,b_, one for each store."
        )
      found[case_id] = (case.folder, {**entry, "id": case_id, **_patient(source, case)})
  return found


def _patient(source: Source, case: StoredCase) -> Entry:
  """The patient's name in the new store, where a case has one."""
  prefix = source.prefix if source.own_patients else ""
  return {"patient": prefix + case.patient} if case.patient else {}


def _require_alike(stores: Sequence[Store]) -> None:
  first = stores[0]
  for other in stores[1:]:
    if other.organs != first.organs:
      raise InputError(
        f"{other.path}: {_other_organs(other.organs, first.organs)} {first.path}; a merged store has one "
        f"list. Prepare it again with --organs_of={first.path}."
      )
    windows = [index_window(store) for store in (first, other)]
    if windows[0] != windows[1]:
      raise InputError(
        f"{other.path}: its grey values are the HU {windows[1]}, those of {first.path} {windows[0]}; the "
        "same HU would not look the same. Prepare both with one version."
      )
    if other.spacing_mm != first.spacing_mm:
      raise InputError(
        f"{other.path}: was prepared at {describe_spacing(other.spacing_mm)}, and {first.path} at "
        f"{describe_spacing(first.spacing_mm)}; prepare both with the same --spacing_mm."
      )


def _other_organs(organs: Sequence[str], first: Sequence[str]) -> str:
  """How a list of organs differs from that of the first store, up to the latter's name."""
  if set(organs) == set(first):
    return f"has the same {len(first)} organs in another order than"
  more, fewer = (
    [organ for organ in one if organ not in other] for one, other in ((organs, first), (first, organs))
  )
  said = [f"{verb} {listed(names)}" for verb, names in (("has", more), ("lacks", fewer)) if names]
  return f"{' and '.join(said)}, unlike"


def _bring(folder: pathlib.Path, target: pathlib.Path) -> None:
  """The case's folder under its new name, whole or not at all; arrays are never written to in place."""
  if target.exists() and not (target / "case.json").is_file():
    raise InputError(f"{target}: is there already and is no case of a store; choose another --output_dir.")
  target.parent.mkdir(parents=True, exist_ok=True)
  with whole(target) as unfinished:
    unfinished.mkdir()
    for name in ("image.npy", "label.npy", "case.json", THUMBNAIL):
      if (folder / name).is_file():
        _link_or_copy(folder / name, unfinished / name)


def _link_or_copy(source: pathlib.Path, target: pathlib.Path) -> None:
  try:
    os.link(source, target)
  except OSError:  # another disk, or a file system without links
    shutil.copyfile(source, target)
