"""Organs without holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from data.arrays import Labels


def fill_holes(labels: Labels, values: Sequence[int]) -> int:
  """Gives background that an organ encloses on all sides to the organ, in place.

  A hole that another organ lies in, or reaches into, stays as it is: who it belongs to is not known.

  Args:
    labels: uint8 [z, y, x].
    values: of the organs.
  Returns:
    How many voxels were filled.
  """
  filled = 0
  boxes = ndimage.find_objects(labels)
  for value in values:
    box = boxes[value - 1] if value <= len(boxes) else None
    if box is None:
      continue
    part = labels[box]
    # A hole is what no way of faces leads out of; the box gets a rim, which is outside.
    pieces, count = ndimage.label(np.pad(part != value, 1, constant_values=True))
    if count < 2:
      continue
    pieces = pieces[1:-1, 1:-1, 1:-1]  # the rim is piece 1: labels are given in the order of the voxels
    hole = np.ones(count + 1, bool)
    hole[[0, 1]] = False
    hole[np.unique(pieces[(part != value) & (part != 0)])] = False
    inside = hole[pieces]
    part[inside] = value
    filled += int(inside.sum())
  return filled
