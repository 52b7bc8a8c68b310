"""RTSTRUCT: structures of radiotherapy as polygons in planes (DICOM PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pydicom

from data.arrays import Floats
from data.dicom.objects import RTSTRUCT, broken_parts, open_object
from data.input_error import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Structure:
  """One region of interest.

  Attributes:
    name: ROIName without blanks at its ends.
    number: ROINumber.
    polygons: [points, 3] each, RAS mm; closed.
    points: how many contours are no polygon (a point, an open line) and were left out.
    frame_of_reference: FrameOfReferenceUID of its positions; "" where the file does not say it.
  """

  name: str
  number: int
  polygons: tuple[Floats, ...]
  points: int = 0
  frame_of_reference: str = ""


def read_structures(path: str) -> list[Structure]:
  """Reads the structures of an RTSTRUCT file, in its order; those without contours are there as well.

  Raises:
    InputError: If the file is broken.
  """
  data = open_object(path)
  with broken_parts(path, RTSTRUCT):
    contours = {int(item.ReferencedROINumber): item for item in data.get("ROIContourSequence") or []}
    structures, of_file = [], _frame_of_file(data)
    for roi in data.StructureSetROISequence:
      number = int(roi.ROINumber)
      polygons, points = [], 0
      for contour in (contours[number].get("ContourSequence") or []) if number in contours else []:
        corners = np.array(contour.ContourData, np.float64).reshape(-1, 3)
        if not str(contour.ContourGeometricType).startswith("CLOSED") or len(corners) < 3:
          points += 1
          continue
        if not np.isfinite(corners).all():
          raise InputError(
            f"{path}: a contour of {roi.ROIName} has values that are not finite; export it again."
          )
        polygons.append(corners * [-1.0, -1.0, 1.0])
      name = str(roi.get("ROIName") or "").strip()
      frame = str(roi.get("ReferencedFrameOfReferenceUID") or of_file)
      structures.append(Structure(name, number, tuple(polygons), points, frame))
    return structures


def _frame_of_file(data: pydicom.Dataset) -> str:
  """The frame of reference of the whole file, "" where it has several or none."""
  several = data.get("ReferencedFrameOfReferenceSequence") or []
  found = {str(one.get("FrameOfReferenceUID") or "") for one in (data, *several)} - {""}
  return found.pop() if len(found) == 1 else ""
