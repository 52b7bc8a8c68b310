"""The files of a volume: some formats keep the voxels beside the header."""

from __future__ import annotations

import pathlib

from data.formats.itk_header import data_file_name
from data.whole_file import AnyPath

_ITK = (".mhd", ".mha", ".nhdr", ".nrrd")


def volume_files(path: AnyPath) -> tuple[pathlib.Path, ...]:
  """The file or folder itself, and the file of its voxels where that is another.

  A name that leads nowhere is left out: reading the volume tells of it.
  """
  path = pathlib.Path(path)
  voxels = [file for file in _beside(path) if file.is_file()] if path.is_file() else []
  return (path, *voxels[:1])


def _beside(path: pathlib.Path) -> list[pathlib.Path]:
  if path.suffix.lower() == ".hdr":
    return [path.with_suffix(ending) for ending in (".img", ".img.gz", ".IMG")]
  name = data_file_name(path) if path.suffix.lower() in _ITK else ""
  return [path.parent / name] if name else []
