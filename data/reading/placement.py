"""Masks of other grids brought onto the voxels of a scan, without resampling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.arrays import Affine, Floats, Mask
from data.formats.grid import corners, format_mm
from data.input_error import InputError
from data.reading.volumes import Volume

NEAR = 0.2  # of a voxel: how far a voxel may lie off the scan's; headers are rounded


def place(path: str, mask: Mask, affine: Affine, image: Volume) -> Mask:
  """A mask on the image's voxels.

  Args:
    path: for messages.
    mask: [k, row, column]. Along an axis with one entry the affine does not count, but for the origin.
    affine: [4, 4], (column, row, k) to RAS mm.
  Returns:
    bool of the image's shape, canonical.
  Raises:
    InputError: If voxels of the mask lie more than NEAR off the image's, or outside of it.
  """
  size = mask.shape[::-1]
  to_image = np.linalg.solve(image.affine, affine)
  whole = _whole_turn(to_image[:3, :3], [count > 1 for count in size])
  exact = corners(to_image, size)
  nearest = np.rint(corners(_with(whole, to_image[:3, 3]), size))
  off = float(np.abs(exact - nearest).max())
  if off > NEAR or abs(round(np.linalg.det(whole))) != 1:
    raise InputError(
      f"{path}: the label's voxels lie up to {off:.2g} voxels off those of the image {image.path}, whose "
      f"spacing (z, y, x) is {format_mm(image.spacing_mm)} mm; {NEAR} is allowed. Resample it to the "
      "image's grid, or name the scan that it was drawn on."
    )
  columns = np.argwhere(mask)[:, ::-1]
  at = columns @ whole.T.astype(np.int64) + np.rint(to_image[:3, 3]).astype(np.int64)
  x, y, z = at.T
  shape_xyz = np.array(image.array.shape[::-1])
  outside = int(np.count_nonzero(((at < 0) | (at >= shape_xyz)).any(axis=1)))
  if outside:
    raise InputError(
      f"{path}: {outside} voxel(s) of the label lie outside the image {image.path}; name the scan that it "
      "was drawn on."
    )
  placed = np.zeros(image.array.shape, bool)
  placed[z, y, x] = True
  return placed


def _whole_turn(turn: Floats, counts: Sequence[bool]) -> Floats:
  """The turn by right angles that is nearest, [3, 3]; an axis that does not count takes what is left."""
  whole = np.zeros((3, 3))
  left = [0, 1, 2]
  for axis in sorted(range(3), key=lambda one: not counts[one]):
    row = max(left, key=lambda one: abs(turn[one, axis]))
    whole[row, axis] = np.sign(turn[row, axis]) or 1.0
    left.remove(row)
  return whole


def _with(whole: Floats, origin: Floats) -> Affine:
  affine = np.eye(4)
  affine[:3, :3], affine[:3, 3] = whole, origin
  return affine
