"""One segment of a file that keeps its segments apart, each with a name and a number."""

from __future__ import annotations

import dataclasses

from data.arrays import Affine, Mask


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
  """A part of a segment on a regular grid.

  Attributes:
    mask: [k, row, column].
    affine: [4, 4], (column, row, k) to RAS mm; where there is a single k, only its plane counts.
  """

  mask: Mask
  affine: Affine


@dataclasses.dataclass(frozen=True, eq=False)
class Segment:
  """What one file says of one structure.

  Attributes:
    name: as in the file, without blanks at its ends.
    number: by which the file counts it.
    blocks: which do not overlap; () if the segment is empty.
  """

  name: str
  number: int
  blocks: tuple[Block, ...]
