"""DICOM SEG: segments as frames, each with its place (DICOM PS3.3 A.51, C.8.20)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom

from data.arrays import Affine, Mask
from data.dicom.objects import SEG, broken_parts, open_object
from data.formats.segment import Block, Segment
from data.input_error import InputError

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_segmentation(path: str) -> list[Segment]:
  """Reads the segments of a DICOM SEG file: binary, fractional (from one half on) or a label map.

  Raises:
    InputError: If the file is broken, or of a kind that is not one of these.
  """
  data = open_object(path)
  with broken_parts(path, SEG):
    kind = str(data.get("SegmentationType", "")).upper()
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP"):
      raise InputError(
        f"{path}: SegmentationType is {kind[:20] or 'missing'}; BINARY, FRACTIONAL and LABELMAP are read. "
        "Convert it to NIfTI, for instance with segimage2itkimage of dcmqi."
      )
    names = {int(item.SegmentNumber): _name(item) for item in data.SegmentSequence}
    names.pop(0, None)  # the background of a label map
    blocks: dict[int, list[Block]] = {number: [] for number in names}
    for index, frame in enumerate(_frames(data)):
      affine = _affine(data, index)
      for number, mask in _masks(data, kind, index, frame, names):
        if mask.any():
          blocks[number].append(Block(mask[None], affine))
    return [Segment(names[number], number, tuple(blocks[number])) for number in names]


def _name(item: pydicom.Dataset) -> str:
  return str(item.get("SegmentLabel") or "").strip()


def _masks(
  data: pydicom.Dataset, kind: str, index: int, frame: npt.NDArray[Any], names: dict[int, str]
) -> Iterator[tuple[int, Mask]]:
  """(segment number, mask) of the segments in one frame."""
  if kind == "LABELMAP":
    for value in np.unique(frame):
      if int(value) in names:
        yield int(value), frame == value
    return
  number = int(_group(data, index, "SegmentIdentificationSequence").ReferencedSegmentNumber)
  if kind == "BINARY":
    yield number, frame > 0
  else:
    yield number, 2 * frame.astype(np.int64) >= max(int(data.MaximumFractionalValue), 1)


def _frames(data: pydicom.Dataset) -> Iterator[npt.NDArray[Any]]:
  """Each frame [row, column]: one at a time, since all of them as bytes may take gigabytes."""
  rows, columns, count = int(data.Rows), int(data.Columns), int(data.get("NumberOfFrames", 1))
  if data.file_meta.TransferSyntaxUID.is_compressed:
    yield from np.reshape(data.pixel_array, (count, rows, columns))
    return
  pixels, bits = rows * columns, int(data.BitsAllocated)
  content = np.frombuffer(data.PixelData, np.uint8)
  if content.size * 8 < count * pixels * bits:
    raise ValueError(f"{content.size} bytes of pixel data, {-(-count * pixels * bits // 8)} are needed")
  for index in range(count):
    first, last = index * pixels * bits, (index + 1) * pixels * bits
    if bits == 1:  # frames follow each other without a gap, within a byte too
      unpacked = np.unpackbits(content[first // 8 : -(-last // 8)], bitorder="little")
      yield unpacked[first % 8 : first % 8 + pixels].reshape(rows, columns)
    else:
      yield content[first // 8 : last // 8].view(f"<u{bits // 8}").reshape(rows, columns)


def _affine(data: pydicom.Dataset, index: int) -> Affine:
  """(column, row, 0) to RAS mm of a frame; DICOM PS3.3 C.7.6.2.1.1."""
  along_row, along_column = np.reshape(
    np.array(_group(data, index, "PlaneOrientationSequence").ImageOrientationPatient, np.float64), (2, 3)
  )
  measures = _group(data, index, "PixelMeasuresSequence")
  between_rows, between_columns = (float(value) for value in measures.PixelSpacing)
  lps = np.eye(4)
  lps[:3, 0], lps[:3, 1] = along_row * between_columns, along_column * between_rows
  lps[:3, 2] = np.cross(along_row, along_column)
  lps[:3, 3] = np.array(_group(data, index, "PlanePositionSequence").ImagePositionPatient, np.float64)
  return _LPS_TO_RAS @ lps


def _group(data: pydicom.Dataset, index: int, name: str) -> pydicom.Dataset:
  """A functional group of a frame: its own, or that of all frames."""
  own = data.PerFrameFunctionalGroupsSequence[index]
  group: pydicom.Dataset = (own if name in own else data.SharedFunctionalGroupsSequence[0])[name].value[0]
  return group
