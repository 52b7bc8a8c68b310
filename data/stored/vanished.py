"""Organs that resampling would make vanish keep a voxel: an annotated organ must not become an absent one."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data.arrays import Labels, SpacingMM
from data.stored import preprocess
from data.value_counts import value_counts, values_of


def keep_vanished(
  label: Labels, stored: Labels, spacing_mm: SpacingMM, target_mm: SpacingMM
) -> tuple[Labels, list[int]]:
  """Gives each label that was lost the voxel that it fills most.

  Args:
    label: uint8 [z, y, x], before resampling.
    stored: uint8 [z', y', x'], after it.
    spacing_mm, target_mm: (z, y, x) of the two.
  Returns:
    (the stored labels, with a voxel of every label that `label` has; the labels that were lost). A voxel that
    is the only one of another label is not taken.
  """
  lost = sorted(set(values_of(label)) - set(values_of(stored)) - {0})
  kept = np.array(stored) if lost else stored
  for value in lost:
    mask = tf.constant(label == value, tf.float32)
    share = preprocess.resample(mask, spacing_mm, target_mm).numpy()
    only = [other for other, count in enumerate(value_counts(kept)) if count == 1 and other != 0]
    share[np.isin(kept, only)] = -1
    kept[np.unravel_index(np.argmax(share), share.shape)] = value
  return kept, lost
