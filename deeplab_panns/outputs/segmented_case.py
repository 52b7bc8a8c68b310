"""A scan and its labels: what every output is made of."""

from __future__ import annotations

import dataclasses

from data.arrays import Labels
from data.reading.volumes import Volume
from deeplab_panns.outputs.organ_looks import OrganLook, organ_looks


@dataclasses.dataclass(frozen=True, eq=False)
class SegmentedCase:
  """
  Attributes:
    name: the case's id.
    volume: the scan, float32 HU in canonical orientation, and its file's own grid.
    labels: uint8 of the scan's shape, canonical; 0 is background, 1 + i the organ at index i.
    organs: in the order of the labels.
  """

  name: str
  volume: Volume
  labels: Labels
  organs: tuple[str, ...]

  @property
  def stored(self) -> Labels:
    """The labels as the scan's file has its voxels: uint8 [z, y, x], a view."""
    return self.volume.grid.from_canonical(self.labels)

  @property
  def looks(self) -> tuple[OrganLook, ...]:
    """Code and colour of each organ."""
    return organ_looks(self.organs)
