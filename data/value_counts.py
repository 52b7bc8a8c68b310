"""How many voxels of a label map have each value, without the copy of it that numpy.bincount would make."""

from __future__ import annotations

import numpy as np

from data.arrays import Integers

_PART = 1 << 20  # bincount makes 8 bytes of each value


def value_counts(label: Integers) -> Integers:
  """int64 [256]: voxels of each value.

  Args:
    label: uint8 of any shape, may be memory-mapped.
  """
  counts = np.zeros(256, np.int64)
  voxels = label.reshape(-1)
  for start in range(0, len(voxels), _PART):
    counts += np.bincount(voxels[start : start + _PART], minlength=256)
  return counts


def values_of(label: Integers) -> list[int]:
  """The values that a label map has, sorted."""
  values: list[int] = np.flatnonzero(value_counts(label)).tolist()
  return values
