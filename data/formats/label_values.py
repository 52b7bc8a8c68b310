"""The values of a stored label map: whether a label map can hold them, and which organs they stand for.

All translation from stored values to labels of an organ list is done by this module.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from data.arrays import Integers, Labels
from data.formats.grid import StoredVolume, StoredVoxels
from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath

TOLERANCE = 1e-3  # of a label stored as a float, from the nearest integer
MOST_VALUES = 1000  # no atlas has so many; a CT has more


def label_integers(path: AnyPath, stored: StoredVolume) -> Integers:
  """The values of a label map as integers of 32 bits or fewer; floats within 1e-3 of an integer are rounded.

  Args:
    path: for messages.
  Raises:
    InputError: If values are fractions, beyond 32 bits, too many different ones, or were made negative by the
      header's scaling.
  """
  voxels = stored.voxels
  if voxels.dtype.kind == "f":
    voxels = _rounded(path, stored)
  low, high = voxels.min(), voxels.max()
  if low < -(2**31) or high >= 2**31:
    raise InputError(f"{path}: label values run from {low:g} to {high:g}; 32-bit integers are allowed.")
  if low < 0 and stored.scaling != (1, 0):
    raise InputError(
      f"{path}: label values run from {low:g} to {high:g}{_by_scaling(stored)}; write the label map again "
      "with slope 1 and intercept 0."
    )
  if int(high) - int(low) >= MOST_VALUES:
    _require_few_values(path, voxels)
  return voxels.astype(np.int32) if voxels.dtype.kind == "f" else voxels


def _rounded(path: AnyPath, stored: StoredVolume) -> StoredVoxels:
  rounded = np.rint(stored.voxels)
  off = np.abs(stored.voxels - rounded) > TOLERANCE
  if off.any():
    found = listed(f"{value:.4g}" for value in np.unique(stored.voxels[off]))
    raise InputError(
      f"{path}: {np.count_nonzero(off)} voxel(s) of the label map are not integers "
      f"({found}){_by_scaling(stored)}; label values must be. Resample with nearest neighbours; if it is an "
      "image or a probability map, name the label map."
    )
  return rounded


def _require_few_values(path: AnyPath, voxels: StoredVoxels) -> None:
  values = np.unique(voxels)
  if len(values) > MOST_VALUES:
    raise InputError(
      f"{path}: {len(values):,} different values from {values[0]:g} to {values[-1]:g} "
      f"({listed(f'{v:g}' for v in values)}): this looks like an image, not a label map; name the label map."
    )


def _by_scaling(stored: StoredVolume) -> str:
  if stored.scaling == (1, 0):
    return ""
  slope, intercept = stored.scaling
  return f" after the header's scl_slope {slope:.4g} and scl_inter {intercept:.4g}"


def to_labels(
  stored: Integers,
  values: Mapping[int, str],
  organs: Sequence[str],
  annotated: Collection[str] | None = None,
) -> Labels:
  """Translates label values.

  Args:
    stored: integers of any shape and sign.
    values: {value: organ}; several values may name one organ.
    organs: the list that the result counts in.
    annotated: the organs to keep; None keeps all of `organs`.
  Returns:
    uint8 of the same shape: 1 + the organ's index in `organs`; 0 where the value is not named, or its organ
    is not kept.
  """
  kept = organs if annotated is None else [organ for organ in organs if organ in annotated]
  labels = {value: 1 + list(organs).index(organ) for value, organ in sorted(values.items()) if organ in kept}
  if not labels or not stored.size:
    return np.zeros(stored.shape, np.uint8)
  if stored.dtype == np.uint8:  # as nearly all label maps are
    table = np.zeros(256, np.uint8)
    for value, label in labels.items():
      if 0 <= value < 256:
        table[value] = label
    return table[stored]
  keys, found = np.array(list(labels)), np.array(list(labels.values()), np.uint8)
  nearest = np.minimum(np.searchsorted(keys, stored), len(keys) - 1)
  return np.where(keys[nearest] == stored, found[nearest], np.uint8(0))


def unnamed_values(held: Mapping[int, int], values: Collection[int]) -> dict[int, int]:
  """{value: voxels} of those that a label map holds (`counts_by_value`) and that are not among `values`; 0 is
  background and never one."""
  return {value: count for value, count in held.items() if value != 0 and value not in values}
