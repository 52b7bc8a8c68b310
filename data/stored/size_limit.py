"""The largest volume that resampling may make."""

from __future__ import annotations

import math
import pathlib

from data.arrays import SpacingMM
from data.input_error import InputError
from data.spacing import describe_spacing


def require_size(
  path: pathlib.Path,
  shape: tuple[int, ...],
  spacing_mm: SpacingMM,
  target_mm: SpacingMM,
  max_voxels: int,
) -> None:
  """Refuses a volume that resampling would make too large, before any memory is taken.

  Args:
    path: names the volume in the error.
    shape: voxels (z, y, x) at `spacing_mm`.
    max_voxels: what --max_voxels says.
  Raises:
    InputError: If there would be more voxels at `target_mm`.
  """
  size = [max(1, round(n * own / wanted)) for n, own, wanted in zip(shape, spacing_mm, target_mm)]
  voxels = math.prod(size)
  if voxels > max_voxels:
    raise InputError(
      f"{path}: at {describe_spacing(target_mm)} it would have {voxels:,} voxels, above "
      f"--max_voxels={max_voxels:,}; its own spacing is {describe_spacing(spacing_mm)}: choose a coarser "
      "--spacing_mm, correct the header, or raise --max_voxels."
    )
