"""Solids the phantom's anatomy is built of, as distances to their surface.

Points are float32 arrays [3, ...] of millimetres in the order right, anterior, superior (RAS).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Ellipsoid(NamedTuple):
  """Axis-aligned; `centre` and `radii` are RAS mm."""

  centre: tuple
  radii: tuple

  def bounds(self):
    return np.subtract(self.centre, self.radii), np.add(self.centre, self.radii)

  def distance(self, points):
    """About the mm to the surface, negative inside: exact on the surface and first-order near it."""
    radii = _column(self.radii, points)
    unit = (points - _column(self.centre, points)) / radii
    # Both floors keep the centre, where 0/0 stands, at minus the longest radius.
    reach = np.maximum(np.sqrt(np.einsum("c...,c...->...", unit, unit)), np.float32(1e-3))
    unit /= radii
    slope = np.maximum(np.sqrt(np.einsum("c...,c...->...", unit, unit)), np.float32(1e-3 / max(self.radii)))
    return reach * (reach - 1) / slope


class Tube(NamedTuple):
  """A chain of cones with round ends: `points` is a sequence of RAS mm, `radii` one radius for each."""

  points: tuple
  radii: tuple

  def bounds(self):
    points, radii = np.array(self.points), np.array(self.radii)[:, None]
    return (points - radii).min(0), (points + radii).max(0)

  def distance(self, points):
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
  """The union of `parts` without `holes`, each an Ellipsoid or a Tube."""

  parts: tuple
  holes: tuple = ()

  def bounds(self):
    """Lowest and highest corner in RAS mm."""
    low, high = zip(*(part.bounds() for part in self.parts))
    return np.min(low, 0), np.max(high, 0)

  def distance(self, points):
    """About the mm to the surface, negative inside."""
    distance = np.minimum.reduce([part.distance(points) for part in self.parts])
    for hole in self.holes:
      distance = np.maximum(distance, -hole.distance(points))
    return distance


def _column(vector, points):
  """`vector` [3] as float32, shaped to broadcast against `points` [3, ...]."""
  return np.asarray(vector, np.float32).reshape((3,) + (1,) * (points.ndim - 1))
