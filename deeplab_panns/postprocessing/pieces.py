"""Organs without the stray pieces that a network draws of them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from data.arrays import Integers, Labels

TOUCHING = np.ones((3, 3, 3), bool)  # voxels that share a corner hang together: thin vessels run slantwise


def remove_small_pieces(labels: Labels, values: Sequence[int], least_share: float) -> int:
  """Makes small pieces of organs background, in place.

  The largest piece of an organ always stays. So do others that are large beside it: they are rather an organ
  that the network tore apart, or a second one, than noise.

  Args:
    labels: uint8 [z, y, x].
    values: of the organs; each is looked at by itself.
    least_share: pieces of fewer voxels than this share of the organ's largest piece go; in (0, 1]. At 1, the
      largest alone stays (and what is as large).
  Returns:
    How many voxels became background.
  """
  removed = 0
  boxes = ndimage.find_objects(labels)
  for value in values:
    box = boxes[value - 1] if value <= len(boxes) else None
    if box is None:
      continue
    part = labels[box]
    pieces, sizes = pieces_of(part == value)
    small = np.flatnonzero(sizes < least_share * sizes.max()) + 1
    if small.size:
      gone = np.zeros(sizes.size + 1, bool)
      gone[small] = True
      part[gone[pieces]] = 0
      removed += int(sizes[small - 1].sum())
  return removed


def pieces_of(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[Integers, Integers]:
  """The pieces of a mask [z, y, x].

  Returns:
    (pieces, sizes): int32 [z, y, x], 0 or the number of a piece from 1 on, and the voxels of piece 1, 2, ...
  """
  pieces, count = ndimage.label(mask, TOUCHING)
  return pieces, np.bincount(pieces.ravel(), minlength=count + 1)[1:]
