"""Whether structures that files keep plane by plane are whole."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.arrays import Mask
from data.dicom.contours import Structure
from data.input_error import InputError

_FEWEST = 4  # planes with equal gaps between them are no chance


def without_repeats(structure: Structure) -> Structure:
  """The structure with each contour once: of two equal ones the second would be a hole in the first."""
  seen = {polygon.tobytes(): polygon for polygon in reversed(structure.polygons)}
  kept = tuple(polygon for polygon in structure.polygons if seen[polygon.tobytes()] is polygon)
  return dataclasses.replace(structure, polygons=kept)


def gap_notes(path: str, name: str, mask: Mask) -> tuple[str, ...]:
  """A line on slices in which a structure has nothing between others in which it has something, or none.

  Args:
    path: for messages.
    mask: [z, y, x].
  Raises:
    InputError: If they lie as planes do that were drawn on thicker slices than the scan's: single ones with
      equal gaps between them.
  """
  for axis in range(3):
    planes = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    steps = np.diff(planes)
    if len(planes) >= _FEWEST and steps.min() > 1 and np.ptp(steps) <= 1:
      raise InputError(
        f"{path}: the slices of the scan in which {name} lies are {np.median(steps):.0f} apart, and between "
        "them nothing is known: it was drawn on thicker slices. Name the series that it was drawn on, or "
        "export it as a label map of this one."
      )
    if axis == 0 and (steps > 1).any():
      missing = int((steps - 1).sum())
      return (f"{name} has nothing in {missing} slice(s) between others in which it is drawn",)
  return ()
