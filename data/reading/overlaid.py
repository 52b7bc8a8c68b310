"""Masks of single organs as one label map: where they overlap, the smaller organ has the voxel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data.arrays import Labels, Mask
from data.input_error import InputError

MOST_OVERLAP = 0.5  # of the smaller organ; beyond it the two masks are the same structure, or one is misnamed


def overlaid(
  path: str, masks: Mapping[str, Mask], organs: Sequence[str], shape: tuple[int, ...]
) -> tuple[Labels, tuple[str, ...]]:
  """One label map of several masks.

  The larger organ would otherwise swallow the edge of the smaller one, or the order of the list would decide.

  Args:
    path: for messages.
    masks: {organ: bool [z, y, x]}.
    organs: the list that the result counts in.
    shape: of the result, for want of masks.
  Returns:
    (uint8 [z, y, x]: 1 + the organ's index; notes on overlaps).
  Raises:
    InputError: If most of an organ lies in another one.
  """
  label = np.zeros(shape, np.uint8)
  counts = {organ: int(np.count_nonzero(mask)) for organ, mask in masks.items()}
  lost = 0
  for organ in sorted(masks, key=lambda one: (-counts[one], organs.index(one))):
    under = label[masks[organ]]
    taken = int(np.count_nonzero(under))
    if taken > MOST_OVERLAP * counts[organ]:
      other = organs[int(np.bincount(under, minlength=1)[1:].argmax())]
      raise InputError(
        f"{path}: {taken} of the {counts[organ]} voxels of {organ} lie in {other} too; the masks of two "
        "organs may overlap at their edges only. Correct the one that is wrong."
      )
    lost += taken
    label[masks[organ]] = 1 + organs.index(organ)
  return label, (f"{lost} voxel(s) where masks overlap went to the smaller organ",) if lost else ()
