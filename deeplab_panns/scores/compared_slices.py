"""slices.npz: a few axial slices of each scored case, for the report's pictures.

Of a case come up to three: the slice with the most organs, the one that shows most of the organs missing
there (both follow from the reference alone, so that several methods show the same slices), and the one where
prediction and reference disagree most on the organ with the lowest Dice.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

import numpy as np

from data.input_error import InputError
from data.organs import IGNORE
from data.whole_file import write_bytes

MAX_CASES = 40  # about 0.3 MB each at 512 x 512 pixels
_BODY_SHARE = 0.02  # of a row's pixels above the window's floor, for the row to belong to the body
_ARRAYS = ("image", "reference", "predicted")


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedSlice:
  """One axial slice, cropped to the body.

  Attributes:
    case: its id.
    z: of the slice in the case, from the feet.
    spacing_mm: (y, x).
    why: "most organs", "other organs", or "worst: " and the organ.
    image: uint8 [y, x], windowed.
    reference, predicted: uint8 [y, x] of label values, IGNORE in the reference alone.
  """

  case: str
  z: int
  spacing_mm: tuple[float, float]
  why: str
  image: np.ndarray
  reference: np.ndarray
  predicted: np.ndarray


def choose(image, reference, predicted, organs, scores):
  """The z of the slices to show and why; [z, y, x] arrays, scores as from `metrics.score_organs`.

  Returns:
    {z: why}, in the order of the module's description; the first reason where two meet.
  """
  present = np.stack([((reference == 1 + place).any(axis=(1, 2))) for place in range(len(organs))], axis=1)
  drawn = ((reference != 0) & (reference != IGNORE)).mean(axis=(1, 2))  # settles ties, below 1
  first = int(np.argmax(present.sum(axis=1) + drawn))
  chosen = {first: "most organs"}
  missing = present & ~present[first]
  if missing.any():
    chosen.setdefault(int(np.argmax(missing.sum(axis=1) + drawn)), "other organs")
  worst = _worst(reference, predicted, organs, scores)
  if worst:
    organ, wrong = worst
    chosen.setdefault(int(np.argmax(wrong.sum(axis=(1, 2)))), f"worst: {organ}")
  return chosen


def _worst(reference, predicted, organs, scores):
  """(organ, bool [z, y, x] where the maps disagree on it) of the lowest Dice; of equals the most wrong.

  None where no organ is wrong.
  """
  lowest = min((score.dice for score in scores if not np.isnan(score.dice)), default=1)
  found = []
  for score in scores:
    if score.dice == lowest:
      value = 1 + list(organs).index(score.organ)
      found.append((score.organ, ((reference == value) != (predicted == value)) & (reference != IGNORE)))
  found = [(organ, wrong) for organ, wrong in found if wrong.any()]
  return max(found, key=lambda pair: np.count_nonzero(pair[1]), default=None)


def cut(case, image, reference, predicted, organs, scores):
  """The ComparedSlices of a StoredCase; the other arguments as in `choose`."""
  found = []
  for z, why in choose(image, reference, predicted, organs, scores).items():
    body = _body(image[z])
    arrays = [np.array(volume[z][body], np.uint8) for volume in (image, reference, predicted)]
    found.append(ComparedSlice(case.id, z, tuple(case.spacing_mm[1:]), why, *arrays))
  return found


def _body(image):
  """Slices (y, x) of what is above the window's floor; all of an empty slice."""
  boxes = []
  for axis in (1, 0):
    inside = np.flatnonzero((image > 0).mean(axis=axis) > _BODY_SHARE)
    boxes.append(slice(inside[0], inside[-1] + 1) if len(inside) else slice(None))
  return tuple(boxes)


def write(path, slices):
  """Writes ComparedSlices, compressed and whole or not at all."""
  index = [
    {"case": part.case, "z": part.z, "spacing_mm": part.spacing_mm, "why": part.why} for part in slices
  ]
  arrays = {f"{name}_{place}": getattr(part, name) for place, part in enumerate(slices) for name in _ARRAYS}
  content = io.BytesIO()
  np.savez_compressed(content, index=np.array(json.dumps(index)), **arrays)
  write_bytes(path, content.getvalue())


def read(path):
  """A list of ComparedSlice. Raises InputError if the file is not what `write` wrote."""
  try:
    with np.load(path) as content:
      index = json.loads(str(content["index"]))
      return [
        ComparedSlice(
          part["case"],
          part["z"],
          tuple(part["spacing_mm"]),
          part["why"],
          *(content[f"{name}_{place}"] for name in _ARRAYS),
        )
        for place, part in enumerate(index)
      ]
  except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
    raise InputError(
      f"{path}: cannot be read as compared slices ({error}). "
      "Write it anew with python -m deeplab_panns.evaluate."
    ) from error
