"""Cuts a case down to what another scan protocol would have taken."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from data.input_error import InputError
from data.synthetic.synthetic_case import SyntheticCase

MARGIN_MM = 20.0
_BOX = re.compile(r"(\w+)_box")


def require_field(field: str, organs: Collection[str]) -> None:
  """Raises ValueError unless `field` is `full`, `upper`, or `<organ>_box` (with `_` for its spaces)."""
  box = _BOX.fullmatch(field)
  if field not in ("full", "upper") and (box is None or box[1].replace("_", " ") not in organs):
    raise ValueError(f"received {field!r}; choose full, upper, or <organ>_box of one of {', '.join(organs)}")


def crop(case: SyntheticCase, field: str, organs: Sequence[str]) -> SyntheticCase:
  """The part of a case that a field of view shows.

  Args:
    field: `full`; `upper`, the upper half of the slices; `<organ>_box`, the bounding box of the organ and
      MARGIN_MM around it.
    organs: of the label map, in the order of their values.
  Returns:
    A case in which every voxel keeps its position in mm.
  Raises:
    InputError: If the organ of the box is not in the label map.
  """
  bounds = _bounds(case, field, organs)
  box = tuple(slice(low, high) for low, high in bounds)
  affine = case.affine.copy()
  affine[:3, 3] += affine[:3, :3] @ [low for low, _ in reversed(bounds)]
  return SyntheticCase(case.image_hu[box], case.label[box], affine)


def _bounds(case: SyntheticCase, field: str, organs: Sequence[str]) -> list[tuple[int, int]]:
  """(first, one past the last) voxel along z, y, x."""
  label = case.label
  whole = [(0, count) for count in label.shape]
  if field == "full":
    return whole
  if field == "upper":
    return [(label.shape[0] // 2, label.shape[0]), *whole[1:]]
  organ = field[: -len("_box")].replace("_", " ")
  indices = np.nonzero(label == 1 + organs.index(organ))
  if not len(indices[0]):
    raise InputError(f"field of view {field}: the case has no {organ}; choose an organ that every case has.")
  voxel_mm = np.linalg.norm(case.affine[:3, :3], axis=0)[::-1]
  margins = np.ceil(MARGIN_MM / voxel_mm).astype(int)
  return [
    (max(0, int(along.min()) - margin), min(count, int(along.max()) + 1 + margin))
    for along, margin, count in zip(indices, margins.tolist(), label.shape)
  ]
