"""Dice on the validation cases while training runs, and pictures of what the network draws there."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.arrays import Labels, Picture
from data.organs import IGNORE
from data.stored.store import StoredCase
from deeplab_panns.evidence import slice_pictures
from deeplab_panns.scores import metrics
from deeplab_panns.segmentation.segment_arrays import segment_stored
from deeplab_panns.segmentation.slabs import SlabSegmenter


@dataclasses.dataclass(frozen=True)
class Validation:
  """
  Attributes:
    dice: organ → mean over the cases that have it, NaN if none has.
    overlays: uint8 [pictures, height, width, 3]; image, reference, prediction side by side.
  """

  dice: dict[str, float]
  overlays: Picture

  @property
  def mean_dice(self) -> float:
    """Over the organs that any case has; NaN if there is none."""
    defined = [value for value in self.dice.values() if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


@dataclasses.dataclass(frozen=True)
class Validator:
  """Segments cases as they are now and compares them with their annotated organs, on the store's grid.

  Attributes:
    cases: StoredCases, at least one.
    held_out: whether they are validation cases; if they train, a picture is all that may be taken from them.
    three_planes: show three orthogonal slices of a case, as 3-D networks see it, instead of an axial one.
  """

  segmenter: SlabSegmenter
  organs: tuple[str, ...]
  cases: tuple[StoredCase, ...]
  held_out: bool
  three_planes: bool = False

  def validate(self, pictures: int = 3) -> Validation:
    """A Validation; pictures are of the first so many cases, the slice with the most organs."""
    scores: dict[str, list[float]] = {organ: [] for organ in self.organs}
    overlays: list[Picture] = []
    for case in self.cases:
      label = np.asarray(case.label())
      predicted = segment_stored(self.segmenter, case)
      counted = label != IGNORE
      for organ in case.annotated:
        value = 1 + self.organs.index(organ)
        scores[organ].append(metrics.dice((label == value) & counted, (predicted == value) & counted))
      if len(overlays) < pictures:
        overlays.append(self._picture(case, label, predicted))
    dice = {organ: _mean_of_defined(values) for organ, values in scores.items()}
    return Validation(dice, slice_pictures.stack_pictures(overlays))

  def _picture(self, case: StoredCase, label: Labels, predicted: Labels) -> Picture:
    image = np.asarray(case.image())
    if self.three_planes:
      return slice_pictures.compare_planes(image, label, predicted, case.spacing_mm)
    return slice_pictures.compare_slice(image, label, predicted)


def _mean_of_defined(values: list[float]) -> float:
  defined = [value for value in values if not np.isnan(value)]
  return float(np.mean(defined)) if defined else float("nan")
