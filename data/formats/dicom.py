"""A folder of DICOM slices: one CT series.

pydicom reads the headers, SimpleITK (GDCM) the pixels: it decodes every compression that CT comes in and
applies the rescale of each slice. The file names and SeriesInstanceUID may be anything, even empty.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import numpy as np
import pydicom

from data.arrays import ImageHU
from data.formats import itk, slice_stack
from data.formats.grid import FileGrid, require_usable
from data.formats.slice_stack import Slice
from data.input_error import InputError
from data.whole_file import AnyPath

# Its remarks on odd headers would go through absl's handler to stderr.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

SUFFIXES = (".dcm", ".dicom", ".ima")
SKIPPED_NAMES = {"dicomdir", "thumbs.db"}
# What scanners and readers put beside the slices; they have no slices of their own.
BESIDE_SLICES = {"RTSTRUCT", "RTPLAN", "RTDOSE", "SEG", "SR", "PR", "KO", "REG", "DOC"}
# Enhanced CT and its legacy-converted form: place and rescale lie in functional groups, per frame.
ENHANCED = {"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"}
TAGS = [
  "SOPClassUID",
  "Modality",
  "SeriesInstanceUID",
  "Rows",
  "Columns",
  "NumberOfFrames",
  "PixelSpacing",
  "ImagePositionPatient",
  "ImageOrientationPatient",
  "RescaleSlope",
  "RescaleIntercept",
]
OPTIONAL = {"SOPClassUID", "Modality", "SeriesInstanceUID", "NumberOfFrames"}  # or asked for on their own
ENCAPSULATED = 0xFFFFFFFF  # the length of compressed pixel data


def read_series(folder: AnyPath) -> tuple[ImageHU, FileGrid]:
  """Reads the one CT series in `folder` (not in its sub-folders); files that are not DICOM are ignored.

  Returns:
    (stored, grid): float32 HU [slice, row, column], slices by rising position along their normal, and the
    FileGrid that the headers give.
  Raises:
    InputError: If there is no CT series, more than one, an irregular one, or a file is broken.
  """
  folder = str(folder)
  headers = _ct_headers(folder)
  slices = _one_series(folder, [_slice(path, header) for path, header in headers])
  ordered, affine = slice_stack.sort_along_normal(folder, slices)
  grid = FileGrid((ordered[0].columns, ordered[0].rows, len(ordered)), affine)
  require_usable(folder, grid)
  return _pixels(ordered), grid


def looks_like_dicom(path: AnyPath) -> bool:
  """Whether a file is DICOM by its mark, by its first element, or at least by its name."""
  if str(path).lower().endswith(SUFFIXES):
    return True
  with open(path, "rb") as file:
    start = file.read(132)
  return start[128:] == b"DICM" or _without_preamble(start)


def _without_preamble(start: bytes) -> bool:
  """Old exports begin with group 0002 or 0008 itself, at an element that has its length in range."""
  return start[:2] in (b"\x02\x00", b"\x08\x00") and len(start) > 8 and start[3] == 0


def _ct_headers(folder: str) -> list[tuple[str, pydicom.Dataset]]:
  """[(path, pydicom data set)] of the CT images in `folder`."""
  headers, others = [], 0
  for name in sorted(os.listdir(folder)):
    path = os.path.join(folder, name)
    if name.startswith(".") or name.lower() in SKIPPED_NAMES or not os.path.isfile(path):
      continue
    if not os.path.getsize(path):
      raise InputError(f"{path}: the file is empty; fetch it again, or take it out of the folder.")
    if looks_like_dicom(path):
      headers.append((path, _header(path)))
    else:
      others += 1
  images = [(path, header) for path, header in headers if header.get("Modality") not in BESIDE_SLICES]
  if not images:
    raise InputError(
      f"{folder}: there is no DICOM slice in the folder ({others} other file(s)); sub-folders "
      "are not searched. Give the folder that holds the slices of one series."
    )
  wrong = [(path, header) for path, header in images if header.get("Modality") != "CT"]
  if wrong:
    path, header = wrong[0]
    raise InputError(
      f"{path}: the modality is {header.get('Modality') or 'missing'}; only CT is read. "
      f"{len(wrong)} of {len(images)} image(s) in the folder are not CT: take them out."
    )
  return images


def _header(path: str) -> pydicom.Dataset:
  with open(path, "rb") as file:
    force = _without_preamble(file.read(132))
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # a value that breaks a rule of DICOM is still a value
      header = pydicom.dcmread(path, force=force, specific_tags=[*TAGS, "BitsAllocated", "PixelData"])
      pixels = None
      if "PixelData" in header:
        pixels = header.get_item("PixelData")
        del header.PixelData  # hundreds of headers are kept at once
      list(header)  # parses every element, which reading puts off
  except Exception as error:  # broken bytes raise nearly anything in pydicom
    raise InputError(
      f"{path}: this is not a readable DICOM file ({_first_line(error)}); fetch it again, rewrite it with "
      "a DICOM tool such as dcmconv or gdcmconv, or take it out of the folder."
    ) from error
  if "Modality" not in header and "SOPClassUID" not in header:
    raise InputError(
      f"{path}: the DICOM header is cut or has neither Modality nor SOPClassUID; fetch the "
      "file again, or take it out of the folder."
    )
  if header.get("Modality") == "CT" and "Rows" in header and "Columns" in header:
    _require_whole_pixels(path, header, pixels)
  return header


def _require_whole_pixels(path: str, header: pydicom.Dataset, pixels: Any) -> None:
  """Of uncompressed files: GDCM reads an element that is too short for its image without a word."""
  needed = int(header.Rows) * int(header.Columns) * int(header.get("BitsAllocated") or 16) // 8
  found = len(pixels.value or b"") if pixels is not None else 0
  if not found or (pixels.length != ENCAPSULATED and found < needed):
    raise InputError(
      f"{path}: the pixel data are cut: {found} bytes of {needed} are there (uncompressed); "
      "fetch the file again."
    )


def _slice(path: str, header: pydicom.Dataset) -> Slice:
  if int(header.get("NumberOfFrames") or 1) > 1 or header.get("SOPClassUID") in ENHANCED:
    raise InputError(
      f"{path}: this is an enhanced (multi-frame) CT; only one slice per file is read. "
      "Convert it to classic CT slices or to NIfTI first, for instance with dcm2niix."
    )
  missing = [tag for tag in TAGS if tag not in OPTIONAL and header.get(tag) in (None, "")]
  if missing:
    raise InputError(
      f"{path}: the header lacks {', '.join(missing)}, without which place or HU are unknown; "
      "fetch or export the slice again, or take it out of the folder."
    )
  vectors = {}
  for tag, length in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
    vectors[tag] = tuple(float(value) for value in np.atleast_1d(header[tag].value))
    if len(vectors[tag]) != length or not np.isfinite(vectors[tag]).all():
      raise InputError(
        f"{path}: {tag} is {list(vectors[tag])}; {length} finite numbers are allowed. Export the slice again."
      )
  return slice_stack.Slice(
    path=path,
    series=str(header.get("SeriesInstanceUID") or ""),
    rows=int(header.Rows),
    columns=int(header.Columns),
    position=vectors["ImagePositionPatient"],
    orientation=vectors["ImageOrientationPatient"],
    pixel_spacing=vectors["PixelSpacing"],
  )


def _one_series(folder: str, slices: list[Slice]) -> list[Slice]:
  groups: dict[tuple[Any, ...], list[Slice]] = {}
  for one in slices:
    orientation = tuple(np.round(one.orientation, 3) + 0.0)  # + 0.0: -0 and 0 are one
    groups.setdefault((one.series, one.rows, one.columns, orientation), []).append(one)
  if len(groups) > 1:
    found = "; ".join(
      f"{len(group)} slice(s) of {rows} x {columns}, orientation {[float(v) for v in orientation]}, "
      f"UID {series or 'empty'}, first file {os.path.basename(group[0].path)}"
      for (series, rows, columns, orientation), group in groups.items()
    )
    raise InputError(
      f"{folder}: {len(groups)} series lie in the folder; one is allowed: {found}. Put each "
      "in a folder of its own, and give one of these."
    )
  return slices


def _pixels(ordered: list[Slice]) -> ImageHU:
  stored = np.empty((len(ordered), ordered[0].rows, ordered[0].columns), np.float32)
  with itk.quiet():
    for place, one in enumerate(ordered):
      try:
        stored[place] = itk.read_slice(one.path)
      except (RuntimeError, ValueError) as error:
        raise InputError(
          f"{one.path}: the pixels cannot be read ({_first_line(itk.reason(error))}); the file may be cut, "
          "or its compression odd. Fetch it again, or rewrite it with gdcmconv --raw."
        ) from error
  return stored


def _first_line(error: object) -> str:
  """The first sentence of an exception's text; pydicom's later ones are advice to programmers."""
  return (str(error).splitlines() or [type(error).__name__])[0].split(". ")[0].rstrip(".")
