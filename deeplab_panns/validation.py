"""Dice on the validation cases while training runs, and pictures of what the network draws there."""
from __future__ import annotations

import dataclasses

import numpy as np

from data.organs import IGNORE
from deeplab_panns import figures, metrics
from deeplab_panns.inference import Segmenter, segment_stored


@dataclasses.dataclass(frozen=True)
class Validation:
  """
  Attributes:
    dice: organ → mean over the cases that have it, NaN if none has.
    overlays: uint8 [pictures, height, width, 3]; image, reference, prediction side by side.
  """
  dice: dict[str, float]
  overlays: np.ndarray

  @property
  def mean_dice(self):
    """Over the organs that any case has; NaN if there is none."""
    defined = [value for value in self.dice.values() if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def validate(segmenter: Segmenter, organs, cases, pictures=3):
  """Segments cases and compares them with their annotated organs, on the store's grid.

  Args:
    cases: StoredCases, at least one.
    pictures: of so many cases, the slice with the most organs.
  """
  scores: dict[str, list[float]] = {organ: [] for organ in organs}
  overlays: list[np.ndarray] = []
  for case in cases:
    label = np.asarray(case.label())
    predicted = segment_stored(segmenter, case)
    counted = label != IGNORE
    for organ in case.annotated:
      value = 1 + organs.index(organ)
      scores[organ].append(metrics.dice((label == value) & counted, (predicted == value) & counted))
    if len(overlays) < pictures:
      overlays.append(figures.compare_slice(np.asarray(case.image()), label, predicted))
  dice = {organ: _mean_of_defined(values) for organ, values in scores.items()}
  return Validation(dice, figures.stack_pictures(overlays))


def _mean_of_defined(values):
  defined = [value for value in values if not np.isnan(value)]
  return float(np.mean(defined)) if defined else float("nan")
