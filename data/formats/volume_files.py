"""The files of a volume: some formats keep the voxels beside the header."""

from __future__ import annotations

import os
import pathlib
import re

from data.whole_file import AnyPath

_ITK = (".mhd", ".mha", ".nhdr", ".nrrd")
_DATA_NAMES = re.compile(rb"(?im)^(?:ElementDataFile\s*=|data ?file:)[ \t]*(.+?)\s*$")
_HEADER_BYTES = 1 << 16  # of a header file; the name of its data stands near its end


def volume_files(path: AnyPath) -> tuple[pathlib.Path, ...]:
  """The file or folder itself and the files of its voxels, or of its header, where those are others; sorted.

  A name that leads nowhere is left out: reading the volume tells of it.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    return (path,)
  others = {path.parent / name for name in data_names(path)} if path.suffix.lower() in _ITK else set()
  match = re.fullmatch(r"(.*)\.(hdr|img)(\.gz)?", path.name, re.IGNORECASE)
  if match:
    pair = re.compile(re.escape(match[1]) + r"\.(hdr|img)(\.gz)?", re.IGNORECASE)
    others |= {entry for entry in path.parent.iterdir() if pair.fullmatch(entry.name)}
  return tuple(sorted({path, *(other for other in others if other.is_file())}))


def data_names(header: pathlib.Path) -> set[str]:
  """The names of the data files in the header of an NRRD or MetaImage; of a list of files, those that follow.
  None where the voxels follow in the file itself."""
  try:
    with open(header, "rb") as file:
      start = file.read(_HEADER_BYTES)
  except OSError:
    return set()
  match = _DATA_NAMES.search(start)
  if not match or match[1].upper() == b"LOCAL":
    return set()
  lines = start[match.start(1) :].splitlines()
  return {os.fsdecode(line.strip()) for line in lines}
