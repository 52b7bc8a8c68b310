"""The scans in a folder: image files and DICOM series at any depth; and what lies there and is none."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re

from data.dicom.folder import SKIPPED_NAMES, SUFFIXES, look_into, looks_like_dicom
from data.dicom.several import series_of
from data.files.file_hash import file_sha256
from data.files.outputs import RECORD
from data.formats.volume_files import data_names, volume_files
from data.input_error import InputError
from data.listed import listed
from data.reading import volumes
from data.reading.value_names import ORGANS_BESIDE
from data.whole_file import AnyPath
from deeplab_panns.prediction import archives
from deeplab_panns.prediction.input_names import case_ids
from deeplab_panns.prediction.scan import Scan

_IMAGES = tuple(suffix for suffix in volumes.SUFFIXES if suffix not in SUFFIXES)
_SHORT = 40  # characters of a name in a list


@dataclasses.dataclass
class FoundInputs:
  """What is at a path.

  Attributes:
    root: the path.
    scans: sorted by their paths; several series of a folder, or scans of an archive, are one each.
    unused: {what it is, in the plural: paths} of all else but hidden files.
  """

  root: pathlib.Path
  scans: list[Scan] = dataclasses.field(default_factory=list)
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
    paths = dict.fromkeys(scan.path for scan in self.scans)
    return [
      file
      for path in paths
      for file in ([entry for entry in path.iterdir() if entry.is_file()] if path.is_dir() else [path])
    ]

  def _named(self, path: pathlib.Path) -> str:
    name = str(path.relative_to(self.root))
    return name if len(name) <= _SHORT else f"...{name[-_SHORT:]}"


def _singular(what: str) -> str:
  return re.sub(r"s\b", "", what, count=1)


def find_inputs(path: AnyPath, in_archive: bool = False) -> FoundInputs:
  """Finds the scans at a path: the file itself, or what is in the folder and below it.

  Whatever looks like a scan is one, though it may turn out to be broken when it is read. Archives are
  unpacked for a moment, one after the other.

  Args:
    in_archive: the path is an unpacked archive; archives in it are not unpacked.
  Raises:
    InputError: If there is none.
  """
  found = FoundInputs(pathlib.Path(path))
  if found.root.is_file():
    is_archive = found.root.suffix.lower() == archives.SUFFIX and not in_archive
    found.scans += _in_archive(found, found.root) if is_archive else [Scan(found.root)]
    return found
  if not found.root.is_dir() or not os.fspath(path):
    what = "no such file or folder"
    if os.path.lexists(path):
      what = "neither a file nor a folder" if found.root.exists() else "a link that leads nowhere"
    raise InputError(
      f"--input={path}: {what}; it names an image file, a DICOM folder, a zip of one, or a folder of such."
    )
  search = _Search(found, in_archive)
  search.all_below()
  if not found.scans:
    found.scans = [Scan(folder) for folder in search.folders_of_objects]  # reading them tells what they are
  if not found.scans:
    raise InputError(
      f"{path}: holds neither image files ({', '.join(_IMAGES)}) nor DICOM series. {found.not_used()}"
    )
  found.scans.sort(key=lambda scan: scan.path)
  return found


def _in_archive(found: FoundInputs, archive: pathlib.Path) -> list[Scan]:
  """The scans in an archive; what lies beside them is added to what is unused.

  An archive that cannot be looked into is a scan: its case tells what is wrong.
  """
  try:
    with archives.unpacked(archive) as folder:
      inside = find_inputs(folder, in_archive=True)
      ids = case_ids(folder, inside.scans)
      for what, paths in inside.unused.items():
        found.unused.setdefault(what, []).extend(archive / path.relative_to(folder) for path in paths)
      if len(ids) == 1:
        return [Scan(archive, series=inside.scans[0].series)]
      return [_scan_within(archive, folder, name, scan) for name, scan in ids.items()]
  except (InputError, OSError):
    return [Scan(archive)]


def _scan_within(archive: pathlib.Path, folder: pathlib.Path, name: str, scan: Scan) -> Scan:
  """One of several scans of an archive that was unpacked to a folder, whose own name says nothing."""
  files = tuple(str(file.relative_to(folder)) for file in files_of(scan))
  within = dataclasses.replace(scan, path=scan.path.relative_to(folder))
  name = name[len(folder.name) :].lstrip("_") if scan.path == folder else name
  return Scan(archive, files, scan.series, False, within, name)


class _Search:
  """Fills FoundInputs, one folder after the other."""

  def __init__(self, found: FoundInputs, in_archive: bool) -> None:
    self.folders_of_objects: list[pathlib.Path] = []
    self._found = found
    self._in_archive = in_archive
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
    parts, folders, dicom = _second_halves(entries), list[pathlib.Path](), list[str]()
    for entry in entries:
      try:
        if entry.is_dir():
          folders.append(entry)
        elif entry in self._own:
          self._leave("files of an earlier prediction", entry)
        elif entry.name not in parts and self._is_dicom(entry):
          dicom.append(entry.name)
      except OSError:
        self._leave("unreadable files", entry)
    if dicom:
      self._take_series(folder, dicom)
    return folders

  def _is_dicom(self, entry: pathlib.Path) -> bool:
    """Whether a file is DICOM; any other is taken for a scan, or left."""
    name, there = entry.name.lower(), entry.exists()
    if name.endswith(_IMAGES) and (there or entry.is_symlink()):
      self._found.scans.append(Scan(entry))
    elif not there and not name.endswith(SUFFIXES):
      self._leave("dead links", entry)
    elif there and not entry.is_file():  # a pipe would be waited for
      self._leave("special files", entry)
    elif name == "dicomdir" or (there and not _may_be_scan(entry)):
      self._leave("files", entry)
    elif name.endswith(archives.SUFFIX):
      self._found.scans += [Scan(entry)] if self._in_archive else _in_archive(self._found, entry)
    else:
      return True
    return False

  def _take_series(self, folder: pathlib.Path, names: list[str]) -> None:
    """Takes each series of a folder for a scan, one that is no CT too: reading it tells what it is.

    A file that cannot be read may be a slice of any. Where there is one series only, it is refused for that;
    of several each is read, and the broken files are a case that fails.
    """
    contents = look_into(str(folder), names)
    for header, kind in contents.objects:
      if kind.beside_slices:
        what = re.sub("^(a|an) ", "", kind.name)
        self._leave(f"DICOM files without slices, {what}", pathlib.Path(header.path))
    others = [header for header, kind in contents.objects if not kind.beside_slices]
    found = [*series_of(contents.slices), *series_of(others)]
    if not found and not contents.errors:
      self.folders_of_objects.append(folder)
    elif contents.errors and len(found) < 2:
      self._found.scans.append(Scan(folder))
    else:
      alone = len(found) == 1
      for one in found:
        self._found.scans.append(Scan(folder, tuple(map(os.path.basename, one.files)), one, alone))
      if contents.errors:
        readable = {os.path.basename(header.path) for header, _ in contents.objects}
        readable.update(os.path.basename(header.path) for header in contents.slices)
        broken = tuple(name for name in names if name not in readable)
        self._found.scans.append(Scan(folder, broken, alone=False))

  def _leave(self, what: str, path: pathlib.Path) -> None:
    self._found.unused.setdefault(what, []).append(path)


def _is_hidden(name: str) -> bool:
  return name.startswith(".") or name.lower() in SKIPPED_NAMES


def _may_be_scan(file: pathlib.Path) -> bool:
  if file.name.lower().endswith(archives.SUFFIX):
    return archives.may_hold_scans(file)
  return looks_like_dicom(str(file))


def _own_files(folder: pathlib.Path) -> set[pathlib.Path]:
  """What `predict` wrote into a folder and below it, and nobody changed since."""
  try:
    written = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if not isinstance(written, dict) or ORGANS_BESIDE not in written:
      return set()
  except (OSError, ValueError):
    return set()
  files = {folder / name: known for name, known in written.items() if (folder / name).is_file()}
  return {file for file, known in files.items() if file_sha256(file) == known}


def files_of(scan: Scan) -> list[pathlib.Path]:
  """The files that a scan consists of: itself and the data that its header names, or those of a folder."""
  path = scan.path
  if path.is_dir():
    names = scan.files or [entry.name for entry in path.iterdir()]
    files = [path / name for name in names]
    return sorted(entry for entry in files if entry.is_file() and not _is_hidden(entry.name))
  return list(volume_files(path))


def _second_halves(entries: list[pathlib.Path]) -> set[str]:
  """Names of files that another one opens: the .img of a .hdr, and the data of .mhd and .nhdr files."""
  names = {entry.name for entry in entries}
  halves = set()
  for entry in entries:
    header = re.sub(r"\.img(\.gz)?$", r".hdr\1", entry.name.lower())
    if header != entry.name.lower() and any(header == name.lower() for name in names):
      halves.add(entry.name)
    if entry.name.lower().endswith((".mhd", ".nhdr")):
      halves.update(data_names(entry))
  return halves
