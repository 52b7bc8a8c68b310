"""Scores of a predicted label map against its reference, organ by organ.

The surface distances are defined in surface_distances.py. A score without a value is NaN: everything but the
volume error where neither map has the organ (the case is *excluded*), and the distances where only one of
them has it (the case is *missed*, its Dice 0).
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
import os
from collections.abc import Collection, Sequence

import numpy as np
from scipy import ndimage

from data.arrays import Integers, Mask, SpacingMM
from data.organs import IGNORE
from deeplab_panns.scores.surface_distances import surface_distances

Box = tuple[slice, ...]


@dataclasses.dataclass(frozen=True)
class OrganScore:
  """One organ in one case; the distances as in `SurfaceDistances`, NaN for what is undefined."""

  organ: str
  dice: float
  mean_surface_distance_mm: float
  hausdorff_mm: float
  hausdorff95_mm: float
  volume_error_ml: float


def dice(reference: Mask, predicted: Mask) -> float:
  """Dice overlap, 2 |A and B| / (|A| + |B|).

  Args:
    reference: [z, y, x] bool.
    predicted: bool of the same shape.
  Returns:
    A float in [0, 1], or NaN where both masks are empty: leave such a case out of a mean.
  Raises:
    ValueError: if the shapes differ.
  """
  _check_shapes(reference, predicted)
  voxels = np.count_nonzero(reference) + np.count_nonzero(predicted)
  return 2 * np.count_nonzero(reference & predicted) / voxels if voxels else math.nan


def volume_error_ml(reference: Mask, predicted: Mask, spacing_mm: SpacingMM) -> float:
  """Predicted minus reference volume in mL, of two [z, y, x] bool masks; above 0 means too much."""
  _check_shapes(reference, predicted)
  voxels = np.count_nonzero(predicted) - np.count_nonzero(reference)
  return float(voxels * np.prod(spacing_mm) / 1000)


def score_organs(
  reference: Integers,
  predicted: Integers,
  organs: Sequence[str],
  spacing_mm: SpacingMM,
  ignore: int = IGNORE,
  annotated: Collection[str] | None = None,
) -> list[OrganScore]:
  """Scores every annotated organ of one case.

  Args:
    reference: [z, y, x] integers: 0 background, 1 + the organ's index in `organs`, or `ignore`.
    predicted: integers of the same shape. Other values than an organ's count as background, in both.
    organs: names, in the order of the label values.
    spacing_mm: (z, y, x).
    ignore: the reference's value of voxels that are left out of both maps, as if neither had an organ there.
    annotated: names of the organs that the reference tells about; None for all.
  Returns:
    A list of `OrganScore`, one for each annotated organ, in the order of `organs`.
  Raises:
    ValueError: if shapes, types or spacing do not fit, or `annotated` names an organ that is not in `organs`.
  """
  _check_shapes(reference, predicted)
  if not all(np.issubdtype(labels.dtype, np.integer) for labels in (reference, predicted)):
    raise ValueError(f"received label maps of {reference.dtype} and {predicted.dtype}; needs integers")
  if annotated is not None and not set(annotated) <= set(organs):
    raise ValueError(f"received annotated={annotated}; may only name organs of {list(organs)}")
  masks = _organ_masks(reference, predicted, len(organs), ignore)
  labels = [1 + i for i, organ in enumerate(organs) if annotated is None or organ in annotated]
  # Threads, because numpy and the search tree let go of the interpreter's lock. The largest organ first: no
  # thread is to be left alone with the liver at the end.
  by_size = sorted(labels, key=lambda label: -masks[label][0].size)
  with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    scores = dict(
      zip(by_size, pool.map(lambda label: _score_organ(organs[label - 1], masks[label], spacing_mm), by_size))
    )
  return [scores[label] for label in labels]


def _score_organ(organ: str, masks: tuple[Mask, Mask], spacing_mm: SpacingMM) -> OrganScore:
  reference, predicted = masks
  distances = surface_distances(reference, predicted, spacing_mm)
  return OrganScore(
    organ,
    dice(reference, predicted),
    **dataclasses.asdict(distances),
    volume_error_ml=volume_error_ml(reference, predicted, spacing_mm),
  )


def _check_shapes(reference: Integers | Mask, predicted: Integers | Mask) -> None:
  if reference.ndim != 3 or reference.shape != predicted.shape:
    raise ValueError(f"received shapes {reference.shape} and {predicted.shape}; needs two equal [z, y, x]")


def _organ_masks(
  reference: Integers, predicted: Integers, num_organs: int, ignore: int
) -> dict[int, tuple[Mask, Mask]]:
  """{label: (reference mask, predicted mask)}, each pair cropped to the box that holds both."""
  foreground = _box((reference != 0) | (predicted != 0))  # quick; the search below is slow on margins
  reference, predicted = reference[foreground], predicted[foreground]
  found = zip(ndimage.find_objects(reference, num_organs), ndimage.find_objects(predicted, num_organs))
  masks = {}
  for label, boxes in enumerate(found, start=1):
    box = _union([box for box in boxes if box is not None])
    counted = reference[box] != ignore
    masks[label] = (reference[box] == label) & counted, (predicted[box] == label) & counted
  return masks


def _box(labels: Mask) -> Box:
  """Slices of the smallest box that holds all that is not 0; the whole array where all is 0."""
  in_plane = labels.any(axis=0)
  profiles = labels.any(axis=(1, 2)), in_plane.any(axis=1), in_plane.any(axis=0)
  return tuple(slice(profile.argmax(), len(profile) - profile[::-1].argmax()) for profile in profiles)


def _union(boxes: Sequence[Box]) -> Box:
  """The smallest box that holds all boxes; an empty one for none."""
  if not boxes:
    return (slice(0, 0),) * 3
  return tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes))
