"""What a layout is, and the files of a download among which it finds its cases."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Callable

from data.cases import Case
from data.input_error import InputError
from data.listed import listed
from data.organs import BTCV_ORGANS
from data.whole_file import AnyPath

NIFTI = r"\.nii(?:\.gz)?"
TRAINING, HELD_OUT = 1, 0  # folds: of the data set's own division; None where it has none
# What file managers and archives of macOS and Windows add.
_SKIPPED = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclasses.dataclass(frozen=True)
class Found:
  """What a layout found.

  Attributes:
    cases: labelled ones; their fold is TRAINING, HELD_OUT or None.
    notes: what was left out and why, one line each.
    organs: of the store.
  """

  cases: tuple[Case, ...]
  notes: tuple[str, ...] = ()
  organs: tuple[str, ...] = BTCV_ORGANS


@dataclasses.dataclass(frozen=True)
class Layout:
  """How one data set's download is laid out.

  Attributes:
    name: of --layout.
    holds: what is in it, for people.
    files: an example of its files, for messages.
    find: finds its cases among the files.
    wrong: (pattern, advice): paths by which downloads are known that people take for this one.
    without_spacing: where the data set has scans whose headers lost their spacing, why; "" where it has none.
    tumour: the label value of tumours, which are a part of their organ; 0 where it has none.
    labelled: how many scans with labels the data set has, held-out ones too; 0 where it may be any number.
  """

  name: str
  holds: str
  files: str
  find: Callable[[Files], Found]
  wrong: tuple[tuple[str, str], ...] = ()
  without_spacing: str = ""
  tumour: int = 0
  labelled: int = 0


@dataclasses.dataclass(frozen=True)
class FoundFile:
  """A file by its name.

  Attributes:
    path: of the file.
    folders: its folders below the download's own, outermost first, in lower case.
    match: of the pattern with the file's name.
  """

  path: pathlib.Path
  folders: tuple[str, ...]
  match: re.Match[str]

  def is_in(self, *parts: str) -> bool:
    """Whether a folder's name has one of the parts in it."""
    return any(part in folder for folder in self.folders for part in parts)


class Files:
  """The files of a download, wherever below its folder they were unpacked."""

  def __init__(self, raw_dir: AnyPath):
    """Lists them.

    Raises:
      InputError: If there is no such folder.
    """
    self.folder = pathlib.Path(raw_dir)
    if not self.folder.is_dir():
      raise InputError(f"{raw_dir}: is no folder; --raw_dir names the one that holds the unpacked download.")
    self._names: dict[pathlib.Path, list[str]] = {}
    seen = set()
    for folder, folders, names in os.walk(self.folder, followlinks=True):
      real = os.path.realpath(folder)
      if real in seen:  # a link to a folder above
        folders.clear()
        continue
      seen.add(real)
      folders[:] = sorted(name for name in folders if not _is_skipped(name))
      self._names[pathlib.Path(folder)] = sorted(name for name in names if not _is_skipped(name))

  def relative(self) -> Iterable[str]:
    """All paths below the folder, with forward slashes."""
    for folder, names in self._names.items():
      for name in names:
        yield (folder / name).relative_to(self.folder).as_posix()

  def matching(self, pattern: str) -> list[FoundFile]:
    """The files whose whole name matches, whatever the case of its letters."""
    compiled = re.compile(pattern, re.IGNORECASE)
    found = []
    for folder, names in self._names.items():
      folders = tuple(part.lower() for part in folder.relative_to(self.folder).parts)
      for name in names:
        match = compiled.fullmatch(name)
        if match:
          found.append(FoundFile(folder / name, folders, match))
    return found

  def folders_with(self, suffixes: Collection[str]) -> dict[pathlib.Path, int]:
    """{folder: files in it with one of the endings, in lower case}, without folders that have none."""
    counts = {
      folder: sum(pathlib.PurePath(name).suffix.lower() in suffixes for name in names)
      for folder, names in self._names.items()
    }
    return {folder: count for folder, count in counts.items() if count}


def by_number(files: Iterable[FoundFile]) -> dict[int, pathlib.Path]:
  """{number in the name: path}, by rising number; the pattern's first group is the number.

  Raises:
    InputError: If two files have one number.
  """
  found: dict[int, pathlib.Path] = {}
  for file in files:
    number = int(file.match[1])
    if number in found:
      raise InputError(
        f"{file.path}: has the number {number}, as {found[number]} has; keep one of the two below --raw_dir."
      )
    found[number] = file.path
  return dict(sorted(found.items()))


Pairs = dict[int, tuple[pathlib.Path, pathlib.Path]]
"""{number: (image, label)}."""


def paired(
  images: Mapping[int, pathlib.Path], labels: Mapping[int, pathlib.Path]
) -> tuple[Pairs, tuple[str, ...]]:
  """Images and labels of one number, and notes that name the files without a counterpart."""
  pairs = {number: (images[number], labels[number]) for number in images if number in labels}
  notes = [
    *left_out("scans without labels", [path.name for number, path in images.items() if number not in labels]),
    *left_out(
      "labels without a scan", [path.name for number, path in labels.items() if number not in images]
    ),
  ]
  return pairs, tuple(notes)


def left_out(what: str, names: Sequence[str], why: str = "") -> tuple[str, ...]:
  """A note on what is not used, or none if that is nothing."""
  if not names:
    return ()
  return (f"left out: {len(names)} {what} ({listed(names, 8)}){f': {why}' if why else ''}",)


def _is_skipped(name: str) -> bool:
  return name.startswith(".") or name.lower() in _SKIPPED
