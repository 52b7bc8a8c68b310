"""Smooth random fields over space: how one patient's anatomy bends away from the mean."""

from __future__ import annotations

import numpy as np

REACH_MM = (220.0, 220.0, 140.0)  # a field is defined for |right|, |anterior|, |superior| up to this
# Standard deviation of a cubic B-spline sum of independent unit knots, averaged over a cell, per axis.
_SPLINE_STD = float(np.sqrt(151 / 315))


class SmoothField:
  """`channels` independent cubic B-spline fields with knots every `spacing_mm`, mean 0, deviation `std`.

  The knots lie in space, not on a voxel grid: one patient is the same at every resolution.
  """

  def __init__(self, rng, spacing_mm, std, channels=1):
    # Two knots beyond the reach on either side give every point its full support.
    self._half = [int(np.ceil(reach / spacing_mm)) + 2 for reach in REACH_MM]
    self._spacing_mm = spacing_mm
    knots = rng.standard_normal([channels] + [2 * half + 1 for half in reversed(self._half)])
    self._knots = (np.clip(knots, -2, 2) * (std / _SPLINE_STD**3)).astype(np.float32)

  def on_grid(self, axes_mm):
    """The field on the grid of three axes (right, anterior, superior): float32 [channels, z, y, x]."""
    right, anterior, superior = (self._weights(axis, half) for axis, half in zip(axes_mm, self._half))
    field = np.tensordot(self._knots, right.T, 1)  # [c, knots z, knots y, x]
    field = np.matmul(anterior, field)  # [c, knots z, y, x]
    return np.tensordot(superior, field, (1, 1)).swapaxes(0, 1)

  def _weights(self, axis_mm, half):
    """Values of the cubic B-splines: [points, knots]."""
    away = np.abs(np.asarray(axis_mm, np.float32)[:, None] / self._spacing_mm - np.arange(-half, half + 1))
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.clip(2 - away, 0, None) ** 3 / 6
    return np.where(away < 1, near, far).astype(np.float32)
