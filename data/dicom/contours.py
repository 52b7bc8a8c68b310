"""RTSTRUCT: structures of radiotherapy as polygons in planes (DICOM PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

import dataclasses

import numpy as np

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
  """

  name: str
  number: int
  polygons: tuple[Floats, ...]
  points: int = 0


def read_structures(path: str) -> list[Structure]:
  """Reads the structures of an RTSTRUCT file, in its order; those without contours are there as well.

  Raises:
    InputError: If the file is broken.
  """
  data = open_object(path)
  with broken_parts(path, RTSTRUCT):
    contours = {int(item.ReferencedROINumber): item for item in data.get("ROIContourSequence") or []}
    structures = []
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
      structures.append(Structure(str(roi.get("ROIName") or "").strip(), number, tuple(polygons), points))
    return structures
