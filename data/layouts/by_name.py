"""The layouts by name, and a manifest from a download: found, chosen, with what the user knows better."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import math
import pathlib
import re
from collections.abc import Mapping, Sequence

from data.arrays import SpacingMM
from data.cases import Case, Manifest, same_folder
from data.formats import nifti
from data.input_error import InputError
from data.layouts import (
  amos22,
  btcv,
  chaos_ct,
  decathlon,
  flare22,
  gibson,
  lits,
  nih_pancreas,
  nnunet_raw,
  sliver07,
  totalsegmentator,
  visceral,
  word,
)
from data.layouts.layout import HELD_OUT, Files, Found, Layout
from data.listed import listed
from data.whole_file import AnyPath

LAYOUTS = (
  btcv.LAYOUT,
  gibson.LAYOUT,
  visceral.LAYOUT,
  nih_pancreas.LAYOUT,
  chaos_ct.LAYOUT,
  decathlon.MSD_LIVER,
  decathlon.MSD_SPLEEN,
  decathlon.MSD_PANCREAS,
  sliver07.LAYOUT,
  lits.LAYOUT,
  totalsegmentator.LAYOUT,
  amos22.LAYOUT,
  flare22.LAYOUT,
  word.LAYOUT,
  nnunet_raw.LAYOUT,  # last: Decathlon's tasks look like it
)
PARTS = ("train", "held_out", "all")


@dataclasses.dataclass(frozen=True)
class Choice:
  """Which cases of a download to take, and what is known of them.

  Attributes:
    part: of a data set that holds cases out for validation and test: "train", "held_out", or "all".
    leave_out: ids of cases not to take.
    max_cases: take so many at most, chosen by the seed; 0 takes all.
    seed: a larger `max_cases` keeps what a smaller one took.
    mirrored: {id: axes of "xyz" along which image and label run against their header}.
    spacings: {id: (z, y, x) in mm} of scans whose header has none.
  """

  part: str = "train"
  leave_out: tuple[str, ...] = ()
  max_cases: int = 0
  seed: int = 0
  mirrored: Mapping[str, str] = dataclasses.field(default_factory=dict)
  spacings: Mapping[str, SpacingMM] = dataclasses.field(default_factory=dict)


def find_cases(name: str, raw_dir: AnyPath, choice: Choice) -> Manifest:
  """The cases of a download as a manifest.

  Args:
    name: of one of LAYOUTS.
    raw_dir: holds the unpacked download, at whatever depth.
  Returns:
    A Manifest whose path is `raw_dir`; its notes say what was left out.
  Raises:
    InputError: If nothing of the layout is found, files contradict each other, or the choice names cases that
      are not there.
  """
  layout = next(layout for layout in LAYOUTS if layout.name == name)
  files = Files(raw_dir)
  found = layout.find(files)
  if not found.cases:
    raise InputError(_nothing_found(layout, files, found))
  ids = [case.id for case in found.cases]
  folders = [same_folder(one) for one in ids]
  twice = sorted({one for one, folder in zip(ids, folders) if folders.count(folder) > 1})
  if twice:
    raise InputError(
      f"{raw_dir}: two cases have the id {listed(twice)} (capitals do not count); keep one below --raw_dir."
    )
  for flag, named in (
    ("leave_out", choice.leave_out),
    ("case_flips", choice.mirrored),
    ("spacings", choice.spacings),
  ):
    unknown = sorted(set(named) - set(ids))
    if unknown:
      raise InputError(
        f"--{flag}: {raw_dir} has no case {listed(unknown)}; its cases are {listed(ids, 3)}. Correct the "
        "list."
      )
  cases, notes = _of_part(found, choice.part)
  cases = [case for case in cases if case.id not in choice.leave_out]
  cases, spacing_notes = _with_spacings(layout, cases, choice.spacings)
  cases = _at_most(cases, choice.max_cases, choice.seed)
  cases = [_with_mirrored(case, choice.mirrored.get(case.id, "")) for case in cases]
  if not cases:
    why = "; ".join((*found.notes, *notes, *spacing_notes)) or "choose others"
    raise InputError(f"{raw_dir}: no case is left; {why}.")
  notes = (*found.notes, *_fewer(layout, files, found), *notes, *spacing_notes)
  return Manifest(pathlib.Path(raw_dir), found.organs, tuple(cases), notes)


def _fewer(layout: Layout, files: Files, found: Found) -> tuple[str, ...]:
  """A line where the folder holds a part of the data set only: archives that were not unpacked, perhaps."""
  if len(found.cases) >= layout.labelled:
    return ()
  packed = _archives(files)
  still = f"; still packed: {listed(packed)}" if packed else ""
  return (f"{len(found.cases)} of the data set's {layout.labelled} labelled scans are here{still}",)


def _archives(files: Files) -> list[str]:
  ending = re.compile(r"\.(zip|tar|tgz|tar\.gz|7z|rar)$", re.IGNORECASE)
  return [path for path in files.relative() if ending.search(path)]


def describe_layouts() -> str:
  """A line for each layout, and below it how its files are called."""
  width = max(len(layout.name) for layout in LAYOUTS)
  return "\n".join(
    f"{layout.name:<{width}}  {layout.holds}\n{'':<{width}}  {layout.files}" for layout in LAYOUTS
  )


def tumour_value(name: str) -> int:
  """The label value of tumours in a layout. Raises InputError if it has none."""
  value = next(layout.tumour for layout in LAYOUTS if layout.name == name)
  if not value:
    having = listed((layout.name for layout in LAYOUTS if layout.tumour), 5)
    raise InputError(f"--max_tumour_ml: {name} labels no tumours; {having} do. Leave the flag out.")
  return value


def parse_flips(items: Sequence[str]) -> dict[str, str]:
  """{id: axes} of `id:axes`, axes being letters of xyz. Raises InputError."""
  flips = {}
  for item in items:
    case_id, colon, axes = item.strip().rpartition(":")
    if not colon or not case_id or not re.fullmatch("[xyz]{1,3}", axes) or len(set(axes)) < len(axes):
      raise InputError(f"--case_flips={item}: is not ID:AXES with axes out of x, y, z, as in sliver_007:x.")
    flips[case_id] = "".join(axis for axis in "xyz" if axis in axes)
  return flips


def read_spacings(path: AnyPath) -> dict[str, SpacingMM]:
  """{id: (z, y, x) in mm} of a CSV file with the columns id, z_mm, y_mm, x_mm.

  Raises:
    InputError: If it cannot be read, or a row is not in order.
  """
  spacings: dict[str, SpacingMM] = {}
  try:
    with open(path, encoding="utf-8-sig", newline="") as file:
      rows = list(csv.DictReader(file, skipinitialspace=True))
  except (OSError, UnicodeError, csv.Error) as error:
    raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
  columns = ("id", "z_mm", "y_mm", "x_mm")
  if not rows or not set(columns) <= set(rows[0]):
    raise InputError(
      f"{path}: must begin with the line {','.join(columns)}, and a line for each case follow."
    )
  for line, row in enumerate(rows, 2):
    try:
      z, y, x = (float(row[column]) for column in columns[1:])
    except (TypeError, ValueError):
      z = y = x = math.nan
    if not row["id"] or row["id"] in spacings or not all(0 < value < 100 for value in (z, y, x)):
      raise InputError(
        f"{path}: line {line} is {','.join(str(row[column]) for column in columns)[:60]}; an id that stands "
        "once, and three spacings above 0 mm are allowed."
      )
    spacings[row["id"]] = (z, y, x)
  return spacings


def _nothing_found(layout: Layout, files: Files, found: Found) -> str:
  """The message, with what the folder holds instead as far as that can be told."""
  wanted = f"{files.folder}: holds no case of --layout={layout.name} (such as {layout.files})"
  paths = list(files.relative())
  for pattern, advice in layout.wrong:
    if any(re.search(pattern, path, re.IGNORECASE) for path in paths):
      return f"{wanted}: {advice}."
  for other in LAYOUTS:
    if other is not layout and _finds(other, files):
      return f"{wanted}; its files are those of --layout={other.name}."
  packed = _archives(files)
  if packed:
    return f"{wanted}; it holds archives ({listed(packed)}): unpack them first."
  notes = "; ".join(found.notes[:2])
  return f"{wanted}{f'; {notes}' if notes else ''}; it holds {listed(paths) or 'nothing'}."


def _finds(layout: Layout, files: Files) -> bool:
  try:
    return bool(layout.find(files).cases)
  except InputError:
    return False


def _of_part(found: Found, part: str) -> tuple[list[Case], tuple[str, ...]]:
  """The cases of a part; folds stay where both parts are taken. Notes tell of held-out cases left out."""
  if part not in PARTS:
    raise ValueError(f"part={part}: one of {PARTS} is allowed")
  held_out = [case for case in found.cases if case.fold == HELD_OUT]
  if part == "all":
    return list(found.cases), ()
  if part == "held_out":
    return [dataclasses.replace(case, fold=None) for case in held_out], ()
  cases = [dataclasses.replace(case, fold=None) for case in found.cases if case.fold != HELD_OUT]
  if not held_out:
    return cases, ()
  return cases, (
    f"left out: {len(held_out)} cases that the data set holds out for validation and test; --part=held_out "
    "or all takes them",
  )


def _with_spacings(
  layout: Layout, cases: list[Case], spacings: Mapping[str, SpacingMM]
) -> tuple[list[Case], tuple[str, ...]]:
  """The cases with the spacings given; without those whose header has none and that are given none."""
  kept, bare = [], []
  for case in cases:
    if case.id in spacings:
      reading = dataclasses.replace(case.reading, spacing_mm=spacings[case.id])
      kept.append(dataclasses.replace(case, reading=reading))
    elif layout.without_spacing and nifti.lacks_spacing(case.image):
      bare.append(case.id)
    else:
      kept.append(case)
  if not bare:
    return kept, ()
  return kept, (f"left out: {len(bare)} cases ({listed(bare, 4)}): {layout.without_spacing}",)


def _at_most(cases: list[Case], most: int, seed: int) -> list[Case]:
  """So many cases at most, in their order; which, depends on seed and id alone."""
  if not most or len(cases) <= most:
    return cases
  drawn = sorted(cases, key=lambda case: hashlib.sha256(f"{seed}:{case.id}".encode()).hexdigest())[:most]
  chosen = {case.id for case in drawn}
  return [case for case in cases if case.id in chosen]


def _with_mirrored(case: Case, axes: str) -> Case:
  if not axes:
    return case
  return dataclasses.replace(case, reading=dataclasses.replace(case.reading, mirrored=axes))
