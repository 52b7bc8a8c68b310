"""Label maps in cells of some millimetres: what an atlas is made of and compared with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data.arrays import Floats, Integers, Labels, SpacingMM

CELL_MM = 8.0
# Voxels are skipped as long as a cell still holds this many of them along an axis: a fraction of a cell needs
# no more, and a scan of 0.7 mm voxels is counted in a quarter of the time.
_VOXELS_ALONG_A_CELL = 4


class Cells(NamedTuple):
  """How much of each cell of a grid belongs to each class.

  Cell (0, 0, 0) has its middle at the origin that the label map was counted from.

  Attributes:
    volume: float32 [K + 1, z, y, x], in cells: 1 where a class fills the cell; the sum over classes is below
      1 where the label map ends or is IGNORE.
    first: (z, y, x) of the cell at index 0 along each axis, seen from the origin.
  """

  volume: Floats
  first: tuple[int, int, int]


def count_cells(label: Labels, spacing_mm: SpacingMM, classes: int, origin_mm: Floats) -> Cells:
  """Counts a label map in cells of CELL_MM.

  Args:
    label: uint8 [z, y, x]; values of `classes` and above, IGNORE among them, are counted nowhere.
    classes: K + 1.
    origin_mm: [3], (z, y, x) from the corner of voxel (0, 0, 0).
  """
  strides = [max(1, int(CELL_MM / _VOXELS_ALONG_A_CELL / spacing)) for spacing in spacing_mm]
  label = label[tuple(slice(None, None, stride) for stride in strides)]
  axes = [
    _cells_of(count, stride, spacing, origin)
    for count, stride, spacing, origin in zip(label.shape, strides, spacing_mm, origin_mm)
  ]
  first = [int(axis[0]) for axis in axes]
  depth, rows, columns = (int(axis[-1] - axis[0] + 1) for axis in axes)
  counts = np.zeros((depth, rows * columns * (classes + 1)), np.int64)
  in_plane = ((axes[1] - first[1])[:, None] * columns + (axes[2] - first[2])) * (classes + 1)
  for z, plane in zip(axes[0] - first[0], label):
    flat = in_plane + np.minimum(plane, classes)
    counts[z] += np.bincount(flat.ravel(), minlength=counts.shape[1])
  by_class = np.moveaxis(counts.reshape(depth, rows, columns, classes + 1), -1, 0)[:classes]
  voxel = np.prod(np.multiply(strides, spacing_mm)) / CELL_MM**3
  return Cells((by_class * voxel).astype(np.float32), (first[0], first[1], first[2]))


def _cells_of(count: int, stride: int, spacing: float, origin: float) -> Integers:
  """The cell along one axis of every voxel that is looked at; ascending."""
  return cell_of((np.arange(count) * stride + 0.5) * spacing - origin)


def cell_of(displacement_mm: Floats) -> Integers:
  """The cell that a displacement from the origin falls into, along one axis."""
  return np.floor(np.asarray(displacement_mm) / CELL_MM + 0.5).astype(np.int64)
