"""Polygons in the slices of a scan, filled: a voxel belongs to a structure if its centre lies inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from data.arrays import Floats, Mask
from data.dicom.contours import Structure
from data.input_error import InputError
from data.reading.volumes import Volume

OFF_PLANE = 0.3  # of a slice's thickness: how far a contour may lie off a slice's middle
_EDGE = 1e-6  # of a pixel: contours drawn along pixel centres must not depend on the last bit


def rasterise(path: str, structure: Structure, image: Volume) -> Mask:
  """The structure on the image's voxels; of polygons within each other every second one is a hole, and those
  that overlap in part are united.

  Args:
    path: for messages.
  Raises:
    InputError: If contours do not lie in the image's slices, leave slices out between each other, or lie
      outside.
  """
  mask = np.zeros(image.array.shape, bool)
  to_voxel = np.linalg.inv(image.affine)
  polygons = [polygon @ to_voxel[:3, :3].T + to_voxel[:3, 3] for polygon in structure.polygons]
  across = _flat_axis(polygons)
  along = [axis for axis in range(3) if axis != across]
  planes = np.moveaxis(
    mask, 2 - across, 0
  )  # a view: [plane, row, column], columns along the first of `along`
  slices = []
  for voxels in polygons:
    middle = round(float(voxels[:, across].mean()))
    off = float(np.abs(voxels[:, across] - middle).max())
    if off > OFF_PLANE:
      raise InputError(
        f"{path}: a contour of {structure.name} lies {off:.2g} slices off the slices of {image.path}; "
        f"{OFF_PLANE} is allowed. Name the scan that it was drawn on, or export the structures as a label "
        "map."
      )
    low, high = voxels[:, along].min(axis=0), voxels[:, along].max(axis=0)
    if not 0 <= middle < len(planes) or (low < -1).any() or (high > np.array(planes.shape[:0:-1])).any():
      raise InputError(
        f"{path}: a contour of {structure.name} lies outside the image {image.path}; name the scan that it "
        "was drawn on."
      )
    _add(planes[middle], fill(voxels[:, along], (planes.shape[1], planes.shape[2])))
    slices.append(middle)
  _require_every_slice(path, structure.name, slices)
  return mask


def _add(plane: Mask, filled: Mask) -> None:
  """Adds a polygon to those of its slice, in place."""
  if (filled & plane).any() and (filled & ~plane).any():
    pieces, _ = ndimage.label(plane)
    met = np.isin(pieces, np.unique(pieces[filled & plane]))
    if (met & ~filled).any():  # neither lies within the other
      plane |= filled
      return
  plane ^= filled


def _flat_axis(polygons: Sequence[Floats]) -> int:
  """The voxel axis (0 for x) across which all polygons are flat: z, but for sagittal and coronal slices."""
  worst = [max((float(np.ptp(one[:, axis])) for one in polygons), default=0.0) for axis in range(3)]
  return min((2, 1, 0), key=lambda axis: worst[axis])


def fill(polygon: Floats, shape: tuple[int, int]) -> Mask:
  """The pixels whose centre lies inside a closed polygon.

  Args:
    polygon: [points, 2], (x, y) in pixels; the centre of the first pixel is (0, 0).
    shape: (rows, columns).
  Returns:
    bool [row, column], by the even-odd rule.
  """
  rows, columns = shape
  x, y = (polygon + _EDGE).T
  next_x, next_y = np.roll(x, -1), np.roll(y, -1)
  first = max(0, int(np.floor(y.min())))
  row = np.arange(first, min(rows, int(np.ceil(y.max())) + 1))
  crosses = (y[:, None] <= row) != (next_y[:, None] <= row)
  edge, at = np.nonzero(crosses)
  cut = x[edge] + (row[at] - y[edge]) / (next_y[edge] - y[edge]) * (next_x[edge] - x[edge])
  turns = np.zeros((len(row), columns + 1), np.int64)
  np.add.at(turns, (at, np.clip(np.ceil(cut), 0, columns).astype(int)), 1)
  filled = np.zeros(shape, bool)
  filled[row] = np.cumsum(turns, axis=1)[:, :columns] % 2 == 1
  return filled


def _require_every_slice(path: str, name: str, slices: list[int]) -> None:
  """Contours of every second slice would leave the others empty."""
  steps = np.diff(np.unique(slices))
  if len(steps) and np.median(steps) > 1:
    raise InputError(
      f"{path}: the contours of {name} lie {np.median(steps):.0f} slices apart, and between them nothing is "
      "known. Interpolate them in the program that drew them, or export a label map."
    )
