"""A folder of DICOM slices: one CT series of it.

pydicom reads the headers. The file names and SeriesInstanceUID may be anything, even empty. Nothing in the
folder is passed over in silence: what is not used is told of, and what cannot be opened is refused.
"""

from __future__ import annotations

import dataclasses
import filecmp
import os
import warnings
from collections.abc import Collection

import numpy as np

from data.dicom.folder import SUFFIXES as SUFFIXES
from data.dicom.folder import Contents, kind_of, look_into, require_readable
from data.dicom.folder import looks_like_dicom as looks_like_dicom
from data.dicom.header import WAY_OUT, Header, read_header
from data.dicom.pixels import read_hu, require_whole_pixels
from data.dicom.several import chosen, frame_of_reference, series_of, slice_of
from data.dicom.values import StoredValues, stored_values
from data.formats import slice_stack
from data.formats.grid import FileGrid, StoredVolume, require_usable
from data.formats.slice_stack import Slice
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
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


def read_series(
  folder: AnyPath, one_series: bool = False, wanted: str = "", only: Collection[str] = ()
) -> StoredVolume:
  """Reads one CT series in `folder` (not in its sub-folders).

  Args:
    one_series: all slices are one scan, whatever their SeriesInstanceUID.
    wanted: the number, UID or code of the series, where there are several; "" for the only one.
    only: names of the files that count; () for all.
  Returns:
    float32 HU, slices by rising position along their normal, and notes of what was not used.
  Raises:
    InputError: If there is no CT series, more than one fits, it is irregular, or a file is broken.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydicom, on values that break a rule and are values still
    return _read_series(str(folder), one_series, wanted, only)


def series_files(folder: AnyPath, wanted: str) -> tuple[str, ...]:
  """The files of the series that `read_series` would read, sorted; errors as there, but for the pixels."""
  contents = look_into(str(folder))
  require_readable(contents)  # a file whose header cannot be read may be a slice of any series
  return chosen(str(folder), series_of(contents.slices), wanted).files


def _read_series(folder: str, one_series: bool, wanted: str, only: Collection[str]) -> StoredVolume:
  contents = look_into(folder, only)
  require_readable(contents)
  found = series_of(contents.slices, one_series)
  if len(found) < 2:  # of several the one that is meant is asked for first
    _require_slices(folder, contents, wanted)
  own = set(chosen(folder, found, wanted).files)
  files = {header.path: _ct_file(header) for header in contents.slices if header.path in own}
  copies = _copies([file.slice for file in files.values()])
  files = {path: file for path, file in files.items() if path not in copies}
  slices = [file.slice for file in files.values()]
  ordered, affine = slice_stack.sort_along_normal(folder, slices)
  grid = FileGrid((ordered[0].columns, ordered[0].rows, len(ordered)), affine)
  require_usable(folder, grid)
  columns, rows = grid.shape[:2]
  hu = np.empty((len(ordered), rows, columns), np.float32)
  for index, one in enumerate(ordered):
    file = files[one.path]
    hu[index] = read_hu(file.header, rows, columns, file.values)
  others = len(contents.slices) - len(own)
  notes = [f"{others} slice(s) of {len(found) - 1} other series were not used"] if others else []
  slice_notes = _notes_on_headers([file.header for file in files.values()])
  if copies:
    names = listed(sorted(os.path.basename(path) for path in copies))
    slice_notes.append(f"{len(copies)} file(s) are copies of others and were not used ({names})")
  return StoredVolume(
    hu,
    grid,
    (*slice_notes, *notes, *contents.notes()),
    slice_files=tuple(one.path for one in ordered),
    frame_of_reference=frame_of_reference([file.header for file in files.values()]),
    slice_notes=tuple(slice_notes),
  )


def _copies(slices: Collection[Slice]) -> set[str]:
  """The paths of files that are others of the series, byte for byte: a download that was begun again."""
  first: dict[tuple[float, ...], list[str]] = {}
  copies = set()
  for one in slices:
    others = first.setdefault(one.position, [])
    if any(filecmp.cmp(one.path, other, shallow=False) for other in others):
      copies.add(one.path)
    else:
      others.append(one.path)
  return copies


def _notes_on_headers(headers: Collection[Header]) -> list[str]:
  """What the headers of the slices say that the user should know."""
  notes = []
  uids = ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
  if any(len({header.text(uid) for header in headers}) > 1 for uid in uids):
    notes.append("the files have UIDs of their own and lie as the slices of one scan: read as one")
  if any(header.text("BurnedInAnnotation").upper() == "YES" for header in headers):
    notes.append(
      "BurnedInAnnotation is YES: names may stand in the pixels, and so in every picture that is made of them"
    )
  return notes


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


def _require_slices(folder: str, contents: Contents, wanted: str) -> None:
  """Volumes that are no CT may lie beside a series that is chosen by name, and not beside one that is not."""
  volumes = [pair for pair in contents.objects if not pair[1].beside_slices and not wanted]
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
    files = [name for name in contents.foreign if name.lower().endswith(_VOLUMES)]
    if files:
      raise InputError(
        f"{folder}: is a folder without DICOM slices, in which {listed(files)} lies: name the file itself."
      )
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
  one = slice_of(header)
  values = stored_values(header)
  require_whole_pixels(header, one.rows, one.columns, values.bits_allocated)
  return _CTFile(header, one, values)
