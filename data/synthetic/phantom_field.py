"""Smooth random fields over space: how one patient's anatomy bends away from the mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.arrays import Floats

REACH_MM = (220.0, 220.0, 140.0)  # a field is defined for |right|, |anterior|, |superior| up to this
# Standard deviation of a cubic B-spline sum of independent unit knots, averaged over a cell, per axis.
_SPLINE_STD = float(np.sqrt(151 / 315))


class SmoothField:
  """`channels` independent cubic B-spline fields with knots every `spacing_mm`; mean 0, deviation `std`.

  The knots lie in space, not on a voxel grid, so that a patient is the same at every resolution.
  """

  def __init__(self, rng: np.random.Generator, spacing_mm: float, std: float, channels: int = 1) -> None:
    # Two knots beyond the reach on either side give every point its full support.
    self._half = [int(np.ceil(reach / spacing_mm)) + 2 for reach in REACH_MM]
    self._spacing_mm = spacing_mm
    knots = rng.standard_normal([channels] + [2 * half + 1 for half in reversed(self._half)])
    self._knots = (np.clip(knots, -2, 2) * (std / _SPLINE_STD**3)).astype(np.float32)

  def on_grid(self, axes_mm: Sequence[Floats]) -> Floats:
    """The field on a grid, float32 [channels, z, y, x].

    Args:
      axes_mm: coordinates of the grid along right, anterior and superior.
    """
    right, anterior, superior = (self._weights(axis, half) for axis, half in zip(axes_mm, self._half))
    field = np.tensordot(self._knots, right.T, 1)  # [c, knots z, knots y, x]
    field = np.matmul(anterior, field)  # [c, knots z, y, x]
    return np.tensordot(superior, field, (1, 1)).swapaxes(0, 1)

  def _weights(self, axis_mm: Floats, half: int) -> Floats:
    """Values of the cubic B-splines of knots -half to half: [points, knots]."""
    away = np.abs(np.asarray(axis_mm, np.float32)[:, None] / self._spacing_mm - np.arange(-half, half + 1))
    near = 2 / 3 - away**2 + away**3 / 2
    far = np.clip(2 - away, 0, None) ** 3 / 6
    return np.where(away < 1, near, far).astype(np.float32)
