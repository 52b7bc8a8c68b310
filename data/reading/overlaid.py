"""Masks of single organs as one label map: where they overlap, the smaller organ has the voxel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from data.arrays import Labels, Mask
from data.input_error import InputError

MOST_OVERLAP = 0.5  # of the smaller organ; beyond it the two masks are the same structure, or one is misnamed


class PackedMasks:
  """Masks of one shape by organ, eight voxels a byte: thirteen of a long scan would take gigabytes."""

  def __init__(self, shape: tuple[int, ...]) -> None:
    self.shape = shape
    self._bits: dict[str, bytes] = {}

  def unite(self, organ: str, mask: Mask) -> None:
    """Adds voxels to an organ."""
    if organ in self._bits:
      mask = mask | self[organ]
    self._bits[organ] = np.packbits(mask).tobytes()

  def organs(self) -> list[str]:
    """Those that have a mask, in the order in which they came."""
    return list(self._bits)

  def __getitem__(self, organ: str) -> Mask:
    bits = np.frombuffer(self._bits[organ], np.uint8)
    return np.unpackbits(bits, count=math.prod(self.shape)).reshape(self.shape).view(bool)


def overlaid(path: str, masks: PackedMasks, organs: Sequence[str]) -> tuple[Labels, tuple[str, ...]]:
  """One label map of several masks.

  The larger organ would otherwise swallow the edge of the smaller one, or the order of the list would decide.

  Args:
    path: for messages.
    masks: of organs among `organs`.
    organs: the list that the result counts in.
  Returns:
    (uint8 of the masks' shape: 1 + the organ's index; notes on overlaps).
  Raises:
    InputError: If most of an organ lies in another one.
  """
  label = np.zeros(masks.shape, np.uint8)
  counts = {organ: int(np.count_nonzero(masks[organ])) for organ in masks.organs()}
  lost = 0
  for organ in sorted(counts, key=lambda one: (-counts[one], organs.index(one))):
    mask = masks[organ]
    under = label[mask]
    taken = int(np.count_nonzero(under))
    if taken > MOST_OVERLAP * counts[organ]:
      other = organs[int(np.bincount(under, minlength=1)[1:].argmax())]
      raise InputError(
        f"{path}: {taken} of the {counts[organ]} voxels of {organ} lie in {other} too; the masks of two "
        "organs may overlap at their edges only. Correct the one that is wrong, or give both files as "
        f'masks of one organ ("{other}": [..., ...]) where {organ} is a part of it.'
      )
    lost += taken
    label[mask] = 1 + organs.index(organ)
  return label, (f"{lost} voxel(s) where masks overlap went to the smaller organ",) if lost else ()
