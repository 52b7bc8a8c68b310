"""The values of a stored label map as the labels of an organ list: the one place that translates them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from data.arrays import Integers, Labels


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


def unnamed_values(stored: Integers, values: Collection[int]) -> dict[int, int]:
  """{value: voxels} of the values in a label map that are not among `values`; 0 is background and never
  one."""
  found, counts = np.unique(stored, return_counts=True)
  return {int(value): int(count) for value, count in zip(found, counts) if value != 0 and value not in values}
