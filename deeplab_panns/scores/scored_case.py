"""What evaluation finds of one case, and the files that it leaves of all."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from data.whole_file import write_text
from deeplab_panns.scores import compared_slices, confusion, metrics, organ_volumes, score_table
from deeplab_panns.scores.organ_volumes import OrganVolume


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredCase:
  """
  Attributes:
    case: its id.
    sha256: of the reference; two cases of one id and one sha256 are the same.
    scores: OrganScores, one for each annotated organ.
    volumes: OrganVolumes of the same organs.
    confusion: int64 [K + 1, K + 1], see confusion.py.
    slices: ComparedSlices, perhaps none.
  """

  case: str
  sha256: str
  scores: tuple
  volumes: tuple
  confusion: np.ndarray
  slices: tuple = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
  """What a prediction is scored against.

  Attributes:
    labels: integers [z, y, x]: 0 background, 1 + the organ's place in `organs`, 255 ignore.
    organs, annotated: names; the latter those that `labels` tells about.
    spacing_mm: (z, y, x).
    sha256: of the labels, for ScoredCase.
  """

  labels: np.ndarray
  organs: tuple[str, ...]
  annotated: tuple[str, ...]
  spacing_mm: tuple[float, ...]
  sha256: str


def score_case(case, reference: Reference, predicted):
  """Scores one case; predicted: integers [z, y, x] as the reference's labels."""
  organs, annotated = reference.organs, reference.annotated
  scores = metrics.score_organs(
    reference.labels, predicted, organs, reference.spacing_mm, annotated=annotated
  )
  counts = confusion.count(reference.labels, predicted, len(organs))
  voxel_ml = float(np.prod(reference.spacing_mm)) / 1000
  totals_ml = [voxel_ml * counts.sum(axis=axis) for axis in (1, 0)]
  volumes = tuple(
    OrganVolume(case, organ, *(round(float(totals[1 + organs.index(organ)]), 6) for totals in totals_ml))
    for organ in organs
    if organ in annotated
  )
  return ScoredCase(
    case, reference.sha256, tuple(scores), volumes, confusion.known_rows(counts, organs, annotated)
  )


def write_results(scored, organs, output_dir, header):
  """Writes metrics.csv, metrics.json, volumes.csv, confusion.csv and, where there are slices, slices.npz.

  Args:
    scored: ScoredCases, at least one.
    organs: of the rows and columns of confusion.csv, and of the label values 1, 2, ... in slices.npz.
    header: what was scored, for metrics.json.
  Returns:
    The content of metrics.json.
  """
  output_dir.mkdir(parents=True, exist_ok=True)
  rows = [(case.case, score) for case in scored for score in case.scores]
  score_table.write_csv(output_dir / "metrics.csv", rows)
  organ_volumes.write_csv(output_dir / "volumes.csv", [volume for case in scored for volume in case.volumes])
  confusion.write_csv(output_dir / "confusion.csv", organs, sum(case.confusion for case in scored))
  slices = [part for case in scored for part in case.slices]
  if slices:
    compared_slices.write(output_dir / "slices.npz", slices)
  summary = {
    **header,
    "label_organs": list(organs),
    **score_table.summary(rows),
    "references": {case.case: case.sha256[:16] for case in scored},
  }
  write_text(output_dir / "metrics.json", json.dumps(summary, indent=1, allow_nan=False))
  return summary
