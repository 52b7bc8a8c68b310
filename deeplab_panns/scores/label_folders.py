"""The label maps of two folders, paired by their ids, and what else lies there."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import unicodedata
from collections.abc import Iterable, Sequence

from data.input_error import InputError
from data.listed import listed
from data.reading import volumes
from data.reading.value_names import ANNOTATED_BESIDE, ORGANS_BESIDE

_VOXELS_OF_HDR = (".img", ".img.gz")  # of such a pair the header stands for both
_BESIDE_LABEL_MAPS = (ORGANS_BESIDE, ANNOTATED_BESIDE)


@dataclasses.dataclass(frozen=True)
class Pair:
  """A reference, and the prediction of the same id; None where there is none."""

  case: str
  reference: pathlib.Path
  prediction: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Pairs:
  """What two folders hold.

  Attributes:
    pairs: one for each reference, sorted by id.
    notes: a line for each kind of file that is not scored.
  """

  pairs: tuple[Pair, ...]
  notes: tuple[str, ...]

  @property
  def files(self) -> list[pathlib.Path]:
    """The files that are read."""
    return [file for pair in self.pairs for file in (pair.reference, pair.prediction) if file is not None]


def pair_folders(predictions: pathlib.Path, references: pathlib.Path) -> Pairs:
  """Finds the prediction of each reference.

  Ids are the same if they look alike: an é may be one character, or an e and an accent.

  Raises:
    InputError: If a folder is missing or holds no label map, both are the same, two files of one have the
      same id, or no prediction has the id of a reference.
  """
  ours, theirs = _label_files(predictions, "predictions"), _label_files(references, "references")
  if os.path.samefile(predictions, references):
    raise InputError(f"{predictions}: is given both as --predictions and as --references; name two folders.")
  if not set(ours) & set(theirs):
    raise InputError(
      f"{predictions}: no file there has the name of one in {references}: {listed(_names(ours.values()), 2)} "
      f"against {listed(_names(theirs.values()), 2)}; a prediction is named as its reference is."
    )
  pairs = [Pair(volumes.case_id(file), file, ours.get(name)) for name, file in sorted(theirs.items())]
  without = _names(file for name, file in ours.items() if name not in theirs)
  notes = []
  if without:
    notes.append(f"{predictions}: {len(without)} predictions have no reference: {listed(without)}")
  for folder, files in ((predictions, ours), (references, theirs)):
    others = _others(folder, list(files.values()))
    if others:
      notes.append(f"{folder}: {len(others)} entries are no label maps and are not used: {listed(others)}")
  return Pairs(tuple(pairs), tuple(notes))


def _label_files(folder: pathlib.Path, flag: str) -> dict[str, pathlib.Path]:
  """{id as it looks: file}, of the folder's files that may hold a label map."""
  if not folder.is_dir():
    found = "is a file" if folder.exists() else "no such folder"
    raise InputError(f"{folder}: {found}; --{flag} names a folder of label maps.")
  files: dict[str, pathlib.Path] = {}
  for file in _entries(folder):
    if not _may_be_a_label_map(file):
      continue
    name = unicodedata.normalize("NFC", volumes.case_id(file))
    other = files.setdefault(name, file)
    if other != file:
      raise InputError(f"{folder}: {other.name} and {file.name} are both the case {name}; take one out.")
  if not files:
    others = _others(folder, [])
    beside = f", but {listed(others)}" if others else ""
    raise InputError(
      f"{folder}: holds no label maps ({listed(volumes.SUFFIXES, 5)}){beside}; --{flag} names the folder "
      "that they lie in."
    )
  return files


def _entries(folder: pathlib.Path) -> list[pathlib.Path]:
  try:
    return sorted(folder.iterdir())
  except OSError as error:
    raise InputError(f"{folder}: cannot be read ({error.strerror or error}); permit it.") from None


def _may_be_a_label_map(entry: pathlib.Path) -> bool:
  """By its name. A dead link may be one; reading it says so."""
  name = entry.name.lower()
  if name.startswith(".") or name.endswith(_VOXELS_OF_HDR):
    return False
  return name.endswith(volumes.SUFFIXES) and not entry.is_dir()


def _others(folder: pathlib.Path, used: Sequence[pathlib.Path]) -> list[str]:
  """What lies in the folder and is not used, without what is hidden or belongs to a label map."""
  return [
    f"{entry.name}/" if entry.is_dir() else entry.name
    for entry in _entries(folder)
    if entry not in used
    and not entry.name.startswith(".")
    and entry.name not in _BESIDE_LABEL_MAPS
    and not _is_other_half(entry, used)
  ]


def _is_other_half(entry: pathlib.Path, used: Sequence[pathlib.Path]) -> bool:
  """Whether a file holds the voxels that belong to a header: .img to .hdr, .raw to .mhd or .nhdr."""
  detached = entry.name.lower().endswith((*_VOXELS_OF_HDR, ".raw", ".zraw"))
  return detached and volumes.case_id(entry) in {volumes.case_id(file) for file in used}


def _names(files: Iterable[pathlib.Path]) -> list[str]:
  return [file.name for file in files]
