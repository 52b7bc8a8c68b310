"""Left and right organs that the network confused."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from data.arrays import Labels
from data.organs import plain_name
from deeplab_panns.postprocessing.pieces import pieces_of

_LEFT, _RIGHT = "left ", "right "


def pairs(organs: Sequence[str]) -> list[tuple[int, int]]:
  """(value of the right organ, value of the left one) for all organs of a list that come in two.

  They are told by a side in the name, as `plain_name` reads it, or by abbreviations like RAG and LAG.
  """
  values = {_name(organ): value for value, organ in enumerate(organs, start=1)}
  return [
    (value, values[_LEFT + organ[len(_RIGHT) :]])
    for organ, value in values.items()
    if organ.startswith(_RIGHT) and _LEFT + organ[len(_RIGHT) :] in values
  ]


def _name(organ: str) -> str:
  if re.fullmatch("[RL][A-Z]{1,3}", organ):
    return (_RIGHT if organ[0] == "R" else _LEFT) + organ[1:]
  return plain_name(organ)


def mend_sides(labels: Labels, organs: Sequence[str]) -> int:
  """Gives pieces of a paired organ that lie wholly on the other side to the organ of that side, in place.

  The middle between the sides is that of the two organs' largest pieces of a pair. It is only trusted where
  the two do not overlap from left to right: otherwise, and where one of a pair is missing, nothing is done.
  A piece that reaches across the middle stays, as do pairs that are swapped as a whole: that is a matter of
  the header or of situs inversus, and no label map can tell.

  Args:
    labels: uint8 [z, y, x]; x grows to the patient's left.
    organs: in the order of the values 1, 2, ...
  Returns:
    How many voxels changed their organ.
  """
  changed = 0
  boxes = ndimage.find_objects(labels)
  for right, left in pairs(organs):
    found = [box for value in (right, left) for box in boxes[value - 1 : value] if box is not None]
    if len(found) < 2:
      continue
    parts = [labels[box] for box in found]
    split = [pieces_of(part == value) for part, value in zip(parts, (right, left))]
    (_, right_high), (left_low, _) = (
      _extent(box, pieces == 1 + int(sizes.argmax())) for box, (pieces, sizes) in zip(found, split)
    )
    if right_high > left_low:
      continue
    middle = (right_high + left_low) / 2
    for box, part, (pieces, sizes), value, other in zip(found, parts, split, (right, left), (left, right)):
      for number, where in enumerate(ndimage.find_objects(pieces), start=1):
        low, high = (box[2].start + end for end in (where[2].start, where[2].stop))
        if (low >= middle) if value == right else (high <= middle):
          part[pieces == number] = other
          changed += int(sizes[number - 1])
  return changed


def _extent(box: tuple[slice, ...], mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[int, int]:
  """The first x of a mask that lies in a box, and the one after its last."""
  columns = np.flatnonzero(mask.any((0, 1)))
  return box[2].start + int(columns[0]), box[2].start + int(columns[-1]) + 1
