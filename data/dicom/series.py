"""A folder of DICOM slices: one CT series.

pydicom reads the headers. The file names and SeriesInstanceUID may be anything, even empty. Nothing in the
folder is passed over in silence: what is not used is told of, and what cannot be opened is refused.
"""

from __future__ import annotations

import dataclasses
import os
import warnings

import numpy as np

from data.dicom.folder import SUFFIXES as SUFFIXES
from data.dicom.folder import Contents, kind_of, look_into, require_readable
from data.dicom.folder import looks_like_dicom as looks_like_dicom
from data.dicom.header import WAY_OUT, Header, read_header, shown
from data.dicom.pixels import read_hu, require_whole_pixels
from data.dicom.values import StoredValues, stored_values
from data.formats import slice_stack
from data.formats.grid import FileGrid, StoredVolume, require_usable
from data.formats.slice_stack import Slice
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

REQUIRED = (
  "Rows",
  "Columns",
  "PixelSpacing",
  "ImagePositionPatient",
  "ImageOrientationPatient",
  "RescaleSlope",
  "RescaleIntercept",
  "BitsAllocated",
  "BitsStored",
  "PixelRepresentation",
)


@dataclasses.dataclass(frozen=True, eq=False)
class _CTFile:
  """One slice: its header, where it lies, and what its values mean."""

  header: Header
  slice: Slice
  values: StoredValues


def read_series(folder: AnyPath, one_series: bool = False) -> StoredVolume:
  """Reads the one CT series in `folder` (not in its sub-folders).

  Args:
    one_series: all slices are one scan, whatever their SeriesInstanceUID.
  Returns:
    float32 HU, slices by rising position along their normal, and notes of what was not used.
  Raises:
    InputError: If there is no CT series, more than one, an irregular one, or a file is broken.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydicom, on values that break a rule and are values still
    return _read_series(str(folder), one_series)


def slice_paths(folder: AnyPath, one_series: bool = False) -> list[str]:
  """The files of the one CT series in `folder`, in the order in which `read_series` stacks their pixels.

  Raises:
    InputError: As `read_series`, but for the pixels, which are not read.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return [one.slice.path for one in _order(str(folder), one_series)[1]]


def _read_series(folder: str, one_series: bool) -> StoredVolume:
  contents, files, grid = _order(folder, one_series)
  columns, rows = grid.shape[:2]
  hu = np.empty((len(files), rows, columns), np.float32)
  for index, file in enumerate(files):
    hu[index] = read_hu(file.header, rows, columns, file.values)
  return StoredVolume(hu, grid, contents.notes())


def _order(folder: str, one_series: bool) -> tuple[Contents, list[_CTFile], FileGrid]:
  """What lies in the folder, the slices of its series by rising position, and their grid."""
  contents = look_into(folder)
  require_readable(contents)
  _require_slices(folder, contents)
  files = {header.path: _ct_file(header) for header in contents.slices}
  slices = [file.slice for file in files.values()]
  if one_series:
    slices = [dataclasses.replace(one, series="") for one in slices]
  slices = _one_series(folder, slices)
  ordered, affine = slice_stack.sort_along_normal(folder, slices)
  grid = FileGrid((ordered[0].columns, ordered[0].rows, len(ordered)), affine)
  require_usable(folder, grid)
  return contents, [files[one.path] for one in ordered], grid


def not_an_image(path: AnyPath) -> InputError:
  """The error that says what a single DICOM file is, where an image was wanted."""
  kind = kind_of(read_header(str(path)))
  if kind is None:
    return InputError(
      f"{path}: this is a single DICOM file, a slice of a CT; give the folder of its whole series."
    )
  return InputError(f"{path}: this is {kind.name}, not a CT slice; {kind.way_out}.")


def not_a_label_map(path: AnyPath) -> InputError:
  """The error that says what a folder or a DICOM file is, where a label map was wanted."""
  path = str(path)
  wanted = "a label map is one file (.nii.gz, .nrrd, ...)"
  if not os.path.isdir(path):
    header = read_header(path)
    kind = kind_of(header)
    if kind is None:
      return InputError(f"{path}: this is a slice of a CT, not a label map; {wanted}.")
    return InputError(f"{path}: this is {kind.name}; it is not read as a label map: {kind.way_out}.")
  contents = look_into(path)
  if contents.objects:
    header, kind = contents.objects[0]
    return InputError(
      f"{path}: this is a folder with {kind.name} ({os.path.basename(header.path)}); {wanted}: "
      f"{kind.way_out}."
    )
  return InputError(f"{path}: this is a folder{' of CT slices' if contents.slices else ''}; {wanted}.")


def _require_slices(folder: str, contents: Contents) -> None:
  volumes = [(header, kind) for header, kind in contents.objects if not kind.beside_slices]
  refused = volumes or (contents.objects if not contents.slices else [])
  if refused:
    header, kind = refused[0]
    others = (
      f" So are {len(refused) - 1} other file(s) of the folder, or the like." if len(refused) > 1 else ""
    )
    way_out = f"{kind.way_out}, or take it out of the folder" if contents.slices else kind.way_out
    raise InputError(f"{header.path}: this is {kind.name}, not a CT slice; {way_out}.{others}")
  if not contents.slices:
    holds = "".join(f"; {note}" for note in contents.notes())
    raise InputError(
      f"{folder}: there is no DICOM slice in the folder{holds}. Give the folder that holds the slices of one "
      "series."
    )


def _ct_file(header: Header) -> _CTFile:
  missing = [keyword for keyword in REQUIRED if keyword not in header]
  if missing:
    raise InputError(
      f"{header.path}: the header lacks {listed(missing)}, without which position or HU are unknown; fetch "
      f"or {WAY_OUT}."
    )
  one = Slice(
    path=header.path,
    series=header.text("SeriesInstanceUID"),
    rows=header.whole("Rows", 1),
    columns=header.whole("Columns", 1),
    position=header.numbers("ImagePositionPatient", 3),
    orientation=header.numbers("ImageOrientationPatient", 6),
    pixel_spacing=header.numbers("PixelSpacing", 2),
  )
  values = stored_values(header)
  require_whole_pixels(header, one.rows, one.columns, values.bits_allocated)
  return _CTFile(header, one, values)


def _one_series(folder: str, slices: list[Slice]) -> list[Slice]:
  groups: list[list[Slice]] = []
  for one in slices:
    for group in groups:
      if slice_stack.is_parallel(group[0], one):
        group.append(one)
        break
    else:
      groups.append([one])
  if len(groups) > 1:
    found = listed(
      (
        f"{len(group)} slice(s) of {group[0].rows} x {group[0].columns} from "
        f"{os.path.basename(group[0].path)} on (UID {shown(group[0].series[-20:]) or 'empty'}, orientation "
        f"{slice_stack.facing(group[0])})"
        for group in groups
      ),
      at_most=2,
    )
    raise InputError(
      f"{folder}: {len(groups)} series lie in the folder; one is allowed: {found}. Put each in a folder of "
      "its own."
    )
  return slices
