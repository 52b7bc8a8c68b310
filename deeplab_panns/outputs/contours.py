"""Masks of slices as closed polygons."""

from __future__ import annotations

import contourpy
import numpy as np

from data.arrays import Floats, Mask


def polygons_of(mask: Mask) -> list[Floats]:
  """The polygons around a mask, which pass half-way between the centres of pixels.

  So a pixel's centre lies within by the even-odd rule if and only if the mask has it. Holes are joined to
  their outer polygon by a channel of no width, as DICOM asks for (PS3.3 C.8.8.6.3).

  Args:
    mask: bool [rows, columns].
  Returns:
    [points, 2] each: column and row, 0 being the first pixel's centre; the first point is not repeated.
  """
  rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
  if not rows.size:
    return []
  top, left = rows[0], columns[0]
  inner = mask[top : rows[-1] + 1, left : columns[-1] + 1]
  padded = np.pad(inner.astype(np.float32), 1)  # or polygons would stay open at the edge
  generator = contourpy.contour_generator(z=padded, fill_type=contourpy.FillType.OuterOffset)
  polygons = []
  for points, offsets in zip(*generator.filled(0.5, 2.0)):
    rings = [points[start : end - 1] for start, end in zip(offsets[:-1], offsets[1:])]
    polygon = _without_midpoints(rings[0])
    for hole in rings[1:]:
      polygon = _joined(polygon, _without_midpoints(hole))
    polygons.append(polygon + [left - 1, top - 1])
  return polygons


def _without_midpoints(ring: Floats) -> Floats:
  """Without points on the straight line between their neighbours."""
  before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
  return ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]


def _joined(outer: Floats, hole: Floats) -> Floats:
  """One ring that runs to the hole, around it and back, from where the two are nearest to each other."""
  distances = ((outer[:, None] - hole[None]) ** 2).sum(axis=-1)
  at, first = np.unravel_index(int(np.argmin(distances)), distances.shape)
  around = np.roll(hole, -int(first), axis=0)
  return np.concatenate([outer[: at + 1], around, around[:1], outer[at:]])
