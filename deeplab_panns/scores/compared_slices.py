"""slices.npz: a few axial slices of each scored case, for the report's pictures.

Up to three of each case: the slice with the most organs; the one with the most organs that the first does
not show; and the one where prediction and reference disagree most on the organ with the lowest Dice. The
first two follow from the reference alone, so that several methods show the same slices.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence

import numpy as np

from data.arrays import Integers, Labels, Mask, StoredImage
from data.organs import IGNORE
from data.stored.store import StoredCase
from data.whole_file import AnyPath, write_bytes
from deeplab_panns.scores.damaged_result import named_if_damaged
from deeplab_panns.scores.metrics import OrganScore

MAX_CASES = 40  # about 0.3 MB each at 512 x 512 pixels
_BODY_SHARE = 0.02  # of a row's pixels that must be above the window's floor for the row to show the body
_ARRAYS = ("image", "reference", "predicted")


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedSlice:
  """One axial slice, cropped to the body.

  Attributes:
    case: its id.
    z: the slice's index in the case, counted from the feet.
    spacing_mm: (y, x).
    why: "most organs", "other organs", or "worst: " and the organ.
    image: [y, x], windowed.
    reference, predicted: [y, x]; IGNORE in the reference alone.
  """

  case: str
  z: int
  spacing_mm: tuple[float, float]
  why: str
  image: StoredImage
  reference: Labels
  predicted: Labels


def choose(
  reference: Integers, predicted: Integers, organs: Sequence[str], scores: Sequence[OrganScore]
) -> dict[int, str]:
  """Which slices to show.

  Args:
    reference, predicted: [z, y, x].
    organs: in the order of the label values.
    scores: of this case, as from `metrics.score_organs`.
  Returns:
    {z: why}, in the order of the module's description; the first reason where two choose the same slice.
  """
  present = np.stack([(reference == 1 + index).any(axis=(1, 2)) for index in range(len(organs))], axis=1)
  filled = ((reference != 0) & (reference != IGNORE)).mean(axis=(1, 2))  # below 1, so it only settles ties
  first = int(np.argmax(present.sum(axis=1) + filled))
  chosen = {first: "most organs"}
  missing = present & ~present[first]
  if missing.any():
    chosen.setdefault(int(np.argmax(missing.sum(axis=1) + filled)), "other organs")
  worst = _worst(reference, predicted, organs, scores)
  if worst:
    organ, wrong = worst
    chosen.setdefault(int(np.argmax(wrong.sum(axis=(1, 2)))), f"worst: {organ}")
  return chosen


def _worst(
  reference: Integers, predicted: Integers, organs: Sequence[str], scores: Sequence[OrganScore]
) -> tuple[str, Mask] | None:
  """The organ of the lowest Dice, of equals the one with the most wrong voxels, and these voxels [z, y, x].

  None where no voxel is wrong.
  """
  lowest = min((score.dice for score in scores if not np.isnan(score.dice)), default=1)
  found: list[tuple[str, Mask]] = []
  for score in scores:
    if score.dice == lowest:
      value = 1 + list(organs).index(score.organ)
      found.append((score.organ, ((reference == value) != (predicted == value)) & (reference != IGNORE)))
  found = [(organ, wrong) for organ, wrong in found if wrong.any()]
  return max(found, key=lambda pair: np.count_nonzero(pair[1]), default=None)


def cut(
  case: StoredCase,
  image: StoredImage,
  reference: Integers,
  predicted: Integers,
  organs: Sequence[str],
  scores: Sequence[OrganScore],
) -> list[ComparedSlice]:
  """The slices to show of a case, cropped to the body.

  Args:
    case: gives id and spacing.
    image: [z, y, x], as the other arguments in `choose`.
  """
  found = []
  for z, why in choose(reference, predicted, organs, scores).items():
    body = _body(image[z])
    arrays = [np.array(volume[z][body], np.uint8) for volume in (image, reference, predicted)]
    found.append(ComparedSlice(case.id, z, case.spacing_mm[1:], why, *arrays))
  return found


def _body(image: StoredImage) -> tuple[slice, ...]:
  """The box (y, x) of what is above the window's floor; the whole slice where nothing is."""
  boxes = []
  for axis in (1, 0):
    inside = np.flatnonzero((image > 0).mean(axis=axis) > _BODY_SHARE)
    boxes.append(slice(inside[0], inside[-1] + 1) if len(inside) else slice(None))
  return tuple(boxes)


def write(path: AnyPath, slices: Sequence[ComparedSlice]) -> None:
  """Writes the slices, compressed."""
  entries = [
    {"case": part.case, "z": part.z, "spacing_mm": part.spacing_mm, "why": part.why} for part in slices
  ]
  arrays = {f"{name}_{index}": getattr(part, name) for index, part in enumerate(slices) for name in _ARRAYS}
  content = io.BytesIO()
  np.savez_compressed(content, index=np.array(json.dumps(entries)), **arrays)
  write_bytes(path, content.getvalue())


def read(path: AnyPath) -> list[ComparedSlice]:
  """Reads the slices. Raises InputError if the file is not what `write` wrote."""
  with named_if_damaged(path, "compared slices"), np.load(path) as content:
    entries = json.loads(str(content["index"]))
    return [
      ComparedSlice(
        part["case"],
        part["z"],
        tuple(part["spacing_mm"]),
        part["why"],
        *(content[f"{name}_{index}"] for name in _ARRAYS),
      )
      for index, part in enumerate(entries)
    ]
