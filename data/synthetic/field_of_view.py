"""Cuts a case down to what another scan protocol would have taken."""

from __future__ import annotations

import re

import numpy as np

from data.input_error import InputError

MARGIN_MM = 20.0
_BOX = re.compile(r"(\w+)_box")


def require_field(field, organs):
  """Raises ValueError unless `field` is `full`, `upper`, or `<organ>_box` of an organ (its spaces as `_`)."""
  box = _BOX.fullmatch(field)
  if field not in ("full", "upper") and (box is None or box[1].replace("_", " ") not in organs):
    raise ValueError(f"received {field!r}; choose full, upper, or <organ>_box of one of {', '.join(organs)}")


def crop(volumes, affine, field, organs):
  """The part of a case that a field of view shows.

  Args:
    volumes: (image [z, y, x], label [z, y, x] with 1 + the organ's place in `organs`), z towards the head.
    affine: [4, 4], voxel (x, y, z) → mm.
    field: `full`; `upper`, the upper half of the slices; `<organ>_box`, its box and MARGIN_MM around it.
  Returns:
    (image, label, affine) where every voxel keeps its place in mm.
  Raises:
    InputError: If the organ of the box is not in the label map.
  """
  image, label = volumes
  box = tuple(slice(low, high) for low, high in _bounds(label, affine, field, organs))
  affine = affine.copy()
  affine[:3, 3] += affine[:3, :3] @ [part.start for part in reversed(box)]
  return image[box], label[box], affine


def _bounds(label, affine, field, organs):
  """(first, one past the last) voxel along z, y, x."""
  whole = [(0, count) for count in label.shape]
  if field == "full":
    return whole
  if field == "upper":
    return [(label.shape[0] // 2, label.shape[0]), *whole[1:]]
  organ = field[: -len("_box")].replace("_", " ")
  places = np.nonzero(label == 1 + organs.index(organ))
  if not len(places[0]):
    raise InputError(f"field of view {field}: the case has no {organ}; choose an organ that every case has.")
  voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
  margins = np.ceil(MARGIN_MM / voxel_mm).astype(int)
  return [
    (max(0, int(place.min()) - margin), min(count, int(place.max()) + 1 + margin))
    for place, margin, count in zip(places, margins, label.shape)
  ]
