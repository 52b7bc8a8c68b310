"""The solids that the phantom's anatomy is built of, as distances to their surface.

Points are float32 arrays [3, ...] of millimetres in the order right, anterior, superior (RAS); distances are
float32 [...].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.arrays import Floats

Point = tuple[float, float, float]
"""(right, anterior, superior) in mm."""
Bounds = tuple[Floats, Floats]
"""Lowest and highest corner of a box, each [3] in RAS mm."""


class Ellipsoid(NamedTuple):
  """Axis-aligned; `centre` and `radii` are RAS mm."""

  centre: Point
  radii: Point

  def bounds(self) -> Bounds:
    return np.subtract(self.centre, self.radii), np.add(self.centre, self.radii)

  def distance(self, points: Floats) -> Floats:
    """About the mm to the surface, negative inside: exact on the surface and first-order near it."""
    radii = _column(self.radii, points)
    unit = (points - _column(self.centre, points)) / radii
    # The two lower limits give the centre, where the formula is 0/0, minus the longest radius.
    reach = np.maximum(np.sqrt(np.einsum("c...,c...->...", unit, unit)), np.float32(1e-3))
    unit /= radii
    slope = np.maximum(np.sqrt(np.einsum("c...,c...->...", unit, unit)), np.float32(1e-3 / max(self.radii)))
    return reach * (reach - 1) / slope


class Tube(NamedTuple):
  """A chain of cones with round ends: `points` is a sequence of RAS mm, `radii` one radius for each."""

  points: tuple[Point, ...]
  radii: tuple[float, ...]

  def bounds(self) -> Bounds:
    points, radii = np.array(self.points), np.array(self.radii)[:, None]
    return (points - radii).min(0), (points + radii).max(0)

  def distance(self, points: Floats) -> Floats:
    """The mm to the surface (exact where the radius is constant), negative inside."""
    nearest = np.full(points.shape[1:], np.inf, np.float32)
    ends = np.array(self.points, np.float32)
    for start, end, radius, next_radius in zip(ends, ends[1:], self.radii, self.radii[1:]):
      axis = end - start
      offset = points - _column(start, points)
      along = np.clip(np.tensordot(axis / (axis @ axis), offset, 1), 0, 1)
      offset -= along * _column(axis, points)
      away = np.sqrt(np.einsum("c...,c...->...", offset, offset))
      away -= np.float32(radius) + along * np.float32(next_radius - radius)
      np.minimum(nearest, away, out=nearest)
    return nearest


class Solid(NamedTuple):
  """The union of `parts` without `holes`."""

  parts: tuple[Ellipsoid | Tube, ...]
  holes: tuple[Ellipsoid | Tube, ...] = ()

  def bounds(self) -> Bounds:
    low, high = zip(*(part.bounds() for part in self.parts))
    return np.min(low, 0), np.max(high, 0)

  def distance(self, points: Floats) -> Floats:
    """About the mm to the surface, negative inside."""
    distance = np.minimum.reduce([part.distance(points) for part in self.parts])
    for hole in self.holes:
      distance = np.maximum(distance, -hole.distance(points))
    return distance


def _column(vector: Point | Floats, points: Floats) -> Floats:
  """`vector` [3] as float32, shaped to broadcast against `points` [3, ...]."""
  return np.asarray(vector, np.float32).reshape((3,) + (1,) * (points.ndim - 1))
