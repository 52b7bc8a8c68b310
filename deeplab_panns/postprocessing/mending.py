"""What is done to label maps after the network, and segmenters that do it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.arrays import Labels
from data.input_error import InputError
from data.listed import listed
from deeplab_panns.postprocessing.holes import fill_holes
from deeplab_panns.postprocessing.pieces import remove_small_pieces
from deeplab_panns.postprocessing.sides import mend_sides, pairs


@dataclasses.dataclass(frozen=True)
class Mending:
  """What is done, in this order; by default nothing.

  Attributes:
    mend_sides: pieces of left and right organs that lie on the other side change their organ.
    min_piece_share: pieces of an organ below this share of its largest piece become background; 0: none.
    fill_holes: background that an organ encloses becomes the organ.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  mend_sides: bool = False
  min_piece_share: float = 0.0
  fill_holes: bool = False

  def __post_init__(self) -> None:
    if not 0 <= self.min_piece_share <= 1:
      raise ValueError(
        f"min_piece_share={self.min_piece_share:g}: must be from 0 (all pieces stay) to 1 (the largest alone)"
      )

  @property
  def record(self) -> dict[str, Any]:
    """All of it, for JSON."""
    return dataclasses.asdict(self)

  def mended(self, labels: Labels, organs: Sequence[str]) -> Labels:
    """The labels with all that is wanted done; the array itself where nothing is.

    Args:
      labels: uint8 [z, y, x], x growing to the patient's left; is not changed.
      organs: in the order of the values 1, 2, ...
    """
    if self == Mending():
      return labels
    labels = np.array(labels)
    values = range(1, len(organs) + 1)
    if self.mend_sides:
      mend_sides(labels, organs)
    if self.min_piece_share:
      remove_small_pieces(labels, values, self.min_piece_share)
    if self.fill_holes:
      fill_holes(labels, values)
    return labels


class MendedSegmenter:
  """A segmenter whose labels are mended; its probabilities, and all else, are those of the segmenter."""

  def __init__(self, segmenter: Any, organs: Sequence[str], mending: Mending) -> None:
    """
    Args:
      segmenter: has `labels` or `stored_labels` as a SlabSegmenter has, or what prediction makes of one.
      organs: in the order of the labels 1…K.
    Raises:
      InputError: If sides are to be mended and no organ of the list has one.
    """
    if mending.mend_sides and not pairs(organs):
      raise InputError(
        f"--mend_sides: none of the organs ({listed(organs, 13)}) comes as a right and a left one, by names "
        "like right kidney and left kidney, or kidney_right and kidney_left; leave it out."
      )
    self._segmenter = segmenter
    self._organs = tuple(organs)
    self._mending = mending

  def __getattr__(self, name: str) -> Any:
    return getattr(self._segmenter, name)

  def labels(self, volume: Any, spacing_mm: Any) -> dict[str, Labels]:
    """{"labels": uint8 [z, y, x]} of a volume in HU."""
    found = self._segmenter.labels(volume=volume, spacing_mm=spacing_mm)["labels"]
    return {"labels": self._mending.mended(np.asarray(found), self._organs)}

  def stored_labels(self, image: Any, spacing_mm: Any) -> Labels:
    """uint8 [z, y, x] of an image of the store."""
    return self._mending.mended(np.asarray(self._segmenter.stored_labels(image, spacing_mm)), self._organs)
