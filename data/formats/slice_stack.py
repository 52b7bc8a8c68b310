"""The geometry of a stack of parallel DICOM slices: order, step and affine, by positions alone.

SliceThickness says nothing about the step, and file names nothing about the order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from data.arrays import Affine, Floats
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

DUPLICATE_MM = 0.01
# Of a step's difference from the median. Positions are often rounded to 0.1 mm, which is no gap.
UNEVEN_SHARE, UNEVEN_MM = 0.1, 0.11
TILT_DEGREES = 0.5
HALF = 0.5  # of a voxel: what a voxel may lie off the uniform grid


@dataclasses.dataclass(frozen=True)
class Slice:
  """One DICOM file's header, in DICOM's own terms: LPS mm, spacing (between rows, between columns)."""

  path: str
  series: str  # SeriesInstanceUID, "" where the file has none
  rows: int
  columns: int
  position: tuple[float, ...]  # x, y, z
  orientation: tuple[float, ...]  # along a row, then along a column
  pixel_spacing: tuple[float, ...]


def is_parallel(one: Slice, other: Slice) -> bool:
  """Whether two slices are of one series and size, and turned alike: to half a pixel at their corners."""
  if (one.series, one.rows, one.columns) != (other.series, other.rows, other.columns):
    return False
  turned = _edges_mm(one, one.orientation) - _edges_mm(one, other.orientation)
  return bool(np.linalg.norm(np.abs(turned).sum(axis=0)) <= HALF * max(0, min(one.pixel_spacing)))


def facing(one: Slice) -> str:
  """Where rows and columns run, for a message: (1, 0, 0, 0, 1, 0)."""
  return "(" + ", ".join(f"{value + 0:.3g}" for value in np.round(one.orientation, 3) + 0.0) + ")"


def _edges_mm(one: Slice, orientation: Sequence[float]) -> Floats:
  """Along a row's and a column's whole length, [2, 3]."""
  between_rows, between_columns = one.pixel_spacing
  lengths = [[(one.columns - 1) * between_columns], [(one.rows - 1) * between_rows]]
  return np.reshape(np.array(orientation, np.float64), (2, 3)) * lengths


def sort_along_normal(folder: AnyPath, slices: Sequence[Slice]) -> tuple[list[Slice], Affine]:
  """Orders slices by rising position along their common normal.

  Args:
    folder: for messages.
    slices: Slices of one series with the same size and orientation.
  Returns:
    (ordered, affine): the list, and the 4x4 float64 that takes (column, row, index in the list) to RAS mm.
  Raises:
    InputError: If the slices are not a regular upright stack.
  """
  if len(slices) < 2:
    raise InputError(
      f"{folder}: the series has one slice only, so the slice spacing is unknown; give the folder of the "
      "whole series."
    )
  _require_one_pixel_spacing(folder, slices)
  along_row, along_column, normal = _axes(folder, slices[0])
  ordered = sorted(slices, key=lambda one: float(np.dot(one.position, normal)))
  positions = np.array([one.position for one in ordered], np.float64)
  depths = positions @ normal
  _require_even_steps(folder, depths)
  _require_upright(folder, positions, normal, min(slices[0].pixel_spacing))
  lps = np.eye(4)
  between_rows, between_columns = slices[0].pixel_spacing
  step = (depths[-1] - depths[0]) / (len(depths) - 1)
  _require_uniform_grid(folder, depths, step)
  lps[:3, 0], lps[:3, 1], lps[:3, 2] = along_row * between_columns, along_column * between_rows, normal * step
  lps[:3, 3] = positions[0]
  return ordered, np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def _axes(folder: AnyPath, one: Slice) -> tuple[Floats, Floats, Floats]:
  along_row, along_column = np.reshape(np.array(one.orientation, np.float64), (2, 3))
  lengths = np.linalg.norm([along_row, along_column], axis=1)
  if np.abs(lengths - 1).max() > 1e-3 or abs(along_row @ along_column) > 1e-3:
    raise InputError(
      f"{folder}: ImageOrientationPatient is {list(one.orientation)}; two unit vectors at a right angle are "
      "allowed. Export the series again."
    )
  along_row = along_row / lengths[0]
  normal = np.cross(along_row, along_column)
  normal /= np.linalg.norm(normal)
  return along_row, np.cross(normal, along_row), normal


def _require_one_pixel_spacing(folder: AnyPath, slices: Sequence[Slice]) -> None:
  spacings = np.array([one.pixel_spacing for one in slices])
  pixels = max(slices[0].rows, slices[0].columns)
  if spacings.min() <= 0 or np.ptp(spacings, axis=0).max() * pixels > HALF * spacings.min():
    found = listed(sorted({one.pixel_spacing for one in slices}))
    raise InputError(
      f"{folder}: PixelSpacing is {found} mm; one value above 0 for the whole series is allowed. Keep the "
      "slices of one reconstruction."
    )


def _require_even_steps(folder: AnyPath, depths: Floats) -> None:
  steps = np.diff(depths)
  twice = depths[:-1][steps < DUPLICATE_MM]
  if len(twice):
    positions = [f"{depth:.5g}" for depth in twice]
    raise InputError(
      f"{folder}: {len(twice)} slice position(s) occur more than once, at {listed(positions)} mm; keep one "
      "reconstruction or phase in the folder."
    )
  median = float(np.sort(steps)[(len(steps) - 1) // 2])  # the lower one: of two steps the larger is the gap
  odd = np.flatnonzero(np.abs(steps - median) > max(UNEVEN_SHARE * median, UNEVEN_MM))
  if len(odd):
    gaps = listed(f"{depths[i]:.5g} to {depths[i + 1]:.5g} mm" for i in odd)
    raise InputError(
      f"{folder}: slices are missing or uneven: the step is {median:.5g} mm, but {len(odd)} differ(s): from "
      f"{gaps}. Fetch or resample the series."
    )


def _require_uniform_grid(folder: AnyPath, depths: Floats, step: float) -> None:
  """Steps that creep, each alike its neighbours, end far from where a uniform grid has the slices."""
  off = np.abs(depths - depths[0] - step * np.arange(len(depths)))
  worst = int(np.argmax(off))
  if off[worst] > HALF * step:
    raise InputError(
      f"{folder}: the slice step changes along the series: the slice at {depths[worst]:.5g} mm lies "
      f"{off[worst]:.3g} mm off a uniform grid of {step:.4g} mm; half a step is allowed. Resample the series."
    )


def _require_upright(folder: AnyPath, positions: Floats, normal: Floats, pixel_mm: float) -> None:
  stack = positions[-1] - positions[0]
  drift = stack - (stack @ normal) * normal
  tilt = np.degrees(np.arctan2(np.linalg.norm(drift), stack @ normal))
  sideways = positions - positions[0] - np.outer(np.linspace(0, 1, len(positions)), stack)
  sideways -= np.outer(sideways @ normal, normal)
  off_line_mm = np.linalg.norm(sideways, axis=1).max()
  on_a_line = off_line_mm <= max(0.5 * pixel_mm, 0.1 * np.linalg.norm(drift))
  if on_a_line and tilt > TILT_DEGREES and np.linalg.norm(drift) > 0.1 * pixel_mm:
    raise InputError(
      f"{folder}: the gantry is tilted: slices are stacked {tilt:.1f} degrees off their normal; only upright "
      "stacks are read. Correct the tilt first, for instance with dcm2niix."
    )
  off_mm = max(off_line_mm, np.linalg.norm(drift))
  if off_mm > 0.5 * pixel_mm:
    raise InputError(
      f"{folder}: slices are shifted sideways by up to {off_mm:.3g} mm against each other; half a pixel "
      f"({pixel_mm / 2:.3g} mm) is allowed. Keep one reconstruction."
    )
