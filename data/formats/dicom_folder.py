"""What lies in a DICOM folder: slices, objects of other kinds, and all else, each counted and named."""

from __future__ import annotations

import collections
import dataclasses
import os

from data.formats.dicom_header import Header, read_header, starts_without_preamble
from data.formats.dicom_objects import Kind, kind_of
from data.input_error import InputError
from data.listed import listed

SUFFIXES = (".dcm", ".dicom", ".ima")
SKIPPED_NAMES = {"thumbs.db", "desktop.ini"}  # and hidden files: file managers write them


@dataclasses.dataclass(frozen=True)
class Contents:
  """What lies in a folder, without its sub-folders.

  Attributes:
    slices: headers of CT slices.
    objects: (header, what it is) of the other DICOM files.
    foreign: names of files that are not DICOM, and of an index of files (DICOMDIR).
    folders: names of sub-folders.
    errors: of the files that cannot be read.
  """

  slices: list[Header]
  objects: list[tuple[Header, Kind]]
  foreign: list[str]
  folders: list[str]
  errors: list[InputError]

  def notes(self) -> tuple[str, ...]:
    """What was not used, one line each."""
    lines = []
    if self.objects:
      names = collections.Counter(kind.name for _, kind in self.objects)
      kinds = listed(f"{name}: {count}" for name, count in names.items())
      lines.append(f"{len(self.objects)} DICOM file(s) of another kind were not used ({kinds})")
    if self.foreign:
      lines.append(f"{len(self.foreign)} file(s) that are no images were not used ({listed(self.foreign)})")
    if self.folders:
      lines.append(f"{len(self.folders)} sub-folder(s) were not searched ({listed(self.folders)})")
    return tuple(lines)


def look_into(folder: str) -> Contents:
  """Reads the header of every file in `folder`.

  Raises:
    InputError: If links in it lead nowhere.
    OSError: If the folder cannot be listed.
  """
  contents = Contents([], [], [], [], [])
  paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
  paths = [path for path in paths if not _is_skipped(os.path.basename(path))]
  dead = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
  if dead:
    raise InputError(
      f"{dead[0]}: this link leads nowhere, as {len(dead)} of {len(paths)} files in the folder; fetch what "
      "it stands for (for instance with git annex get or dvc pull), or take it out of the folder."
    )
  for path in paths:
    try:
      _sort_in(contents, path)
    except InputError as error:
      contents.errors.append(error)
    except OSError as error:
      contents.errors.append(
        InputError(
          f"{path}: cannot be opened ({error.strerror or error}); check the file and its permissions."
        )
      )
  return contents


def require_readable(contents: Contents) -> None:
  """Refuses a folder with files that cannot be read: the error of the first, and how many there are."""
  if not contents.errors:
    return
  first, count = contents.errors[0], len(contents.errors)
  more = f" ({count - 1} more file(s) of the folder cannot be read either.)" if count > 1 else ""
  raise InputError(f"{first}{more}") from first


def looks_like_dicom(path: str) -> bool:
  """Whether a file is DICOM by its mark, by its first element, or at least by its name."""
  if path.lower().endswith(SUFFIXES):
    return True
  with open(path, "rb") as file:
    start = file.read(132)
  return start[128:] == b"DICM" or starts_without_preamble(start)


def _is_skipped(name: str) -> bool:
  return name.startswith(".") or name.lower() in SKIPPED_NAMES


def _sort_in(contents: Contents, path: str) -> None:
  name = os.path.basename(path)
  if os.path.isdir(path):
    contents.folders.append(name)
  elif (
    name.lower() == "dicomdir"
    or not os.path.isfile(path)
    or (os.path.getsize(path) and not looks_like_dicom(path))
  ):
    contents.foreign.append(name)
  else:
    header = read_header(path)
    kind = kind_of(header)
    if kind is None:
      contents.slices.append(header)
    else:
      contents.objects.append((header, kind))
