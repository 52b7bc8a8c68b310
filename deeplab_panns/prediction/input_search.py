"""The scans in a folder: image files and DICOM series at any depth; and what lies there and is none."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re

from data.dicom.folder import SKIPPED_NAMES, SUFFIXES, kind_of, looks_like_dicom
from data.dicom.header import read_header
from data.files.file_hash import file_sha256
from data.files.outputs import RECORD
from data.input_error import InputError
from data.listed import listed
from data.reading import volumes
from data.whole_file import AnyPath
from deeplab_panns.prediction import archives

_IMAGES = tuple(suffix for suffix in volumes.SUFFIXES if suffix not in SUFFIXES)
_DATA_NAMES = re.compile(rb"(?im)^(?:ElementDataFile\s*=|data ?file:)[ \t]*(.+?)\s*$")
_HEADER_BYTES = 1 << 16  # of a header file; the name of its data stands near its end
_SHORT = 40  # characters of a name in a list


@dataclasses.dataclass
class FoundInputs:
  """What is at a path.

  Attributes:
    root: the path.
    scans: image files, folders of DICOM slices, and archives of one of these; sorted.
    unused: {what it is, in the plural: paths} of all else but hidden files.
  """

  root: pathlib.Path
  scans: list[pathlib.Path] = dataclasses.field(default_factory=list)
  unused: dict[str, list[pathlib.Path]] = dataclasses.field(default_factory=dict)

  def not_used(self) -> str:
    """What is unused, counted and named, as one line; empty if nothing is."""
    counted = [
      f"{len(paths)} {what if len(paths) > 1 else _singular(what)} ({listed(map(self._named, paths), 2)})"
      for what, paths in self.unused.items()
    ]
    return f"not used: {'; '.join(counted)}" if counted else ""

  def files(self) -> list[pathlib.Path]:
    """The files of the scans; of a series, all files beside its slices."""
    return [
      file
      for scan in self.scans
      for file in ([entry for entry in scan.iterdir() if entry.is_file()] if scan.is_dir() else [scan])
    ]

  def _named(self, path: pathlib.Path) -> str:
    name = str(path.relative_to(self.root))
    return name if len(name) <= _SHORT else f"...{name[-_SHORT:]}"


def _singular(what: str) -> str:
  return re.sub(r"s\b", "", what, count=1)


def find_inputs(path: AnyPath) -> FoundInputs:
  """Finds the scans at a path: the file itself, or what is in the folder and below it.

  Whatever looks like a scan is one, though it may turn out to be broken when it is read.

  Raises:
    InputError: If there is none.
  """
  found = FoundInputs(pathlib.Path(path))
  if found.root.is_file():
    found.scans.append(found.root)
    return found
  if not found.root.is_dir() or not os.fspath(path):
    what = "no such file or folder"
    if os.path.lexists(path):
      what = "neither a file nor a folder" if found.root.exists() else "a link that leads nowhere"
    raise InputError(
      f"--input={path}: {what}; it names an image file, a DICOM folder, a zip of one, or a folder of such."
    )
  search = _Search(found)
  search.all_below()
  if not found.scans:
    found.scans = search.folders_of_objects  # reading them tells what they are
  if not found.scans:
    raise InputError(
      f"{path}: holds neither image files ({', '.join(_IMAGES)}) nor DICOM series. {found.not_used()}"
    )
  found.scans.sort()
  return found


class _Search:
  """Fills FoundInputs, one folder after the other."""

  def __init__(self, found: FoundInputs) -> None:
    self.folders_of_objects: list[pathlib.Path] = []
    self._found = found
    self._series: set[pathlib.Path] = set()
    self._seen: set[tuple[int, int]] = set()
    self._own: set[pathlib.Path] = set()

  def all_below(self) -> None:
    waiting = [self._found.root]
    while waiting:
      folder = waiting.pop()
      try:
        status = folder.stat()
        entries = sorted(entry for entry in folder.iterdir() if not _is_hidden(entry.name))
      except OSError:
        self._leave("unreadable folders", folder)
        continue
      if (status.st_dev, status.st_ino) in self._seen:
        self._leave("folders searched already", folder)
        continue
      self._seen.add((status.st_dev, status.st_ino))
      if not entries:
        self._leave("empty folders", folder)
      waiting += reversed(self._look_into(folder, entries))

  def _look_into(self, folder: pathlib.Path, entries: list[pathlib.Path]) -> list[pathlib.Path]:
    """Takes in the files of a folder; returns the folders."""
    self._own |= _own_files(folder)
    parts, folders = _second_halves(entries), []
    for entry in entries:
      try:
        if entry.is_dir():
          folders.append(entry)
        elif entry in self._own:
          self._leave("files of an earlier prediction", entry)
        elif entry.name not in parts:
          self._take(entry)
      except OSError:
        self._leave("unreadable files", entry)
    return folders

  def _take(self, entry: pathlib.Path) -> None:
    """Takes a file for an image, for a slice of its folder's series, or leaves it."""
    name, there = entry.name.lower(), entry.exists()
    if name.endswith(_IMAGES) and (there or entry.is_symlink()):
      self._found.scans.append(entry)
    elif not there and not name.endswith(SUFFIXES):
      self._leave("dead links", entry)
    elif there and not entry.is_file():  # a pipe would be waited for
      self._leave("special files", entry)
    elif name == "dicomdir" or (there and not _may_be_scan(entry)):
      self._leave("files", entry)
    elif there and _is_beside_slices(entry):
      self._leave("DICOM files without slices", entry)
      if entry.parent not in self.folders_of_objects:
        self.folders_of_objects.append(entry.parent)
    elif name.endswith(archives.SUFFIX):
      self._found.scans.append(entry)
    elif entry.parent not in self._series:
      self._series.add(entry.parent)
      self._found.scans.append(entry.parent)

  def _leave(self, what: str, path: pathlib.Path) -> None:
    self._found.unused.setdefault(what, []).append(path)


def _is_hidden(name: str) -> bool:
  return name.startswith(".") or name.lower() in SKIPPED_NAMES


def _is_beside_slices(file: pathlib.Path) -> bool:
  """Whether a DICOM file is a report, a plan, contours, ... A broken one is a slice: its case tells of it."""
  try:
    kind = kind_of(read_header(str(file)))
  except InputError:
    return False
  return kind is not None and kind.beside_slices


def _may_be_scan(file: pathlib.Path) -> bool:
  if file.name.lower().endswith(archives.SUFFIX):
    return archives.may_hold_scans(file)
  return looks_like_dicom(str(file))


def _own_files(folder: pathlib.Path) -> set[pathlib.Path]:
  """What `predict` wrote into a folder and below it, and nobody changed since."""
  try:
    written = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if not isinstance(written, dict) or "organs.json" not in written:
      return set()
  except (OSError, ValueError):
    return set()
  files = {folder / name: known for name, known in written.items() if (folder / name).is_file()}
  return {file for file, known in files.items() if file_sha256(file) == known}


def files_of(scan: pathlib.Path) -> list[pathlib.Path]:
  """The files that a scan consists of: itself and the data that its header names, or those of a folder."""
  if scan.is_dir():
    return sorted(entry for entry in scan.iterdir() if entry.is_file() and not _is_hidden(entry.name))
  name = scan.name.lower()
  others = {scan.parent / data for data in _data_of(scan)} if name.endswith((".mhd", ".nhdr")) else set()
  match = re.fullmatch(r"(.*)\.(hdr|img)(\.gz)?", scan.name, re.IGNORECASE)
  if match:
    pair = re.compile(re.escape(match[1]) + r"\.(hdr|img)(\.gz)?", re.IGNORECASE)
    others |= {entry for entry in scan.parent.iterdir() if pair.fullmatch(entry.name)}
  return sorted({scan, *(other for other in others if other.is_file())})


def _second_halves(entries: list[pathlib.Path]) -> set[str]:
  """Names of files that another one opens: the .img of a .hdr, and the data of .mhd and .nhdr files."""
  names = {entry.name for entry in entries}
  halves = set()
  for entry in entries:
    header = re.sub(r"\.img(\.gz)?$", r".hdr\1", entry.name.lower())
    if header != entry.name.lower() and any(header == name.lower() for name in names):
      halves.add(entry.name)
    if entry.name.lower().endswith((".mhd", ".nhdr")):
      halves.update(_data_of(entry))
  return halves


def _data_of(header: pathlib.Path) -> set[str]:
  """The names of the data files in a .mhd or .nhdr file; of a list of files, those that follow."""
  try:
    with open(header, "rb") as file:
      start = file.read(_HEADER_BYTES)
  except OSError:
    return set()
  match = _DATA_NAMES.search(start)
  lines = start[match.start(1) :].splitlines() if match else []
  return {os.fsdecode(line.strip()) for line in lines}
