"""What the evaluation finds out about one case."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.arrays import Integers, SpacingMM
from deeplab_panns.scores import confusion, metrics
from deeplab_panns.scores.compared_slices import ComparedSlice
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.organ_volumes import OrganVolume


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredCase:
  """Scores, volumes and confusions of one case.

  Attributes:
    case: its id.
    sha256: of the reference; two cases of one id and one sha256 are the same.
    scores: one for each annotated organ.
    volumes: of the same organs.
    confusion: int64 [K + 1, K + 1], see confusion.py.
    slices: for the report's pictures, perhaps none.
  """

  case: str
  sha256: str
  scores: tuple[OrganScore, ...]
  volumes: tuple[OrganVolume, ...]
  confusion: Integers
  slices: tuple[ComparedSlice, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
  """What a prediction is scored against.

  Attributes:
    labels: [z, y, x]: 0 background, 1 + the organ's index in `organs`, 255 ignore.
    organs: names, in the order of the label values.
    annotated: those of them that `labels` tells about.
    spacing_mm: (z, y, x).
    sha256: of the label map as it is stored, for ScoredCase.
  """

  labels: Integers
  organs: tuple[str, ...]
  annotated: tuple[str, ...]
  spacing_mm: SpacingMM
  sha256: str


def score_case(case: str, reference: Reference, predicted: Integers) -> ScoredCase:
  """Scores one case, without slices.

  Args:
    case: its id.
    reference: what is right.
    predicted: [z, y, x], of the reference's shape and label values.
  """
  organs, annotated = reference.organs, reference.annotated
  scores = metrics.score_organs(
    reference.labels, predicted, organs, reference.spacing_mm, annotated=annotated
  )
  counts = confusion.count(reference.labels, predicted, len(organs))
  voxel_ml = float(np.prod(reference.spacing_mm)) / 1000
  reference_ml, predicted_ml = (voxel_ml * counts.sum(axis=axis) for axis in (1, 0))
  volumes = tuple(
    OrganVolume(case, organ, round(float(reference_ml[value]), 6), round(float(predicted_ml[value]), 6))
    for value, organ in enumerate(organs, start=1)
    if organ in annotated
  )
  return ScoredCase(
    case, reference.sha256, tuple(scores), volumes, confusion.known_rows(counts, organs, annotated)
  )
