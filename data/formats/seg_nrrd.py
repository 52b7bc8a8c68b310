"""3D Slicer's segmentations (.seg.nrrd): label maps in layers, whose header names the segments.

The fields are those of Slicer's "Segmentations" page of its developer guide: SegmentN_Name, _LabelValue and
_Layer. A file may be cropped to its segments, so that its grid is a part of the scan's.
"""

from __future__ import annotations

import re

from data.formats import itk
from data.formats.grid import FileGrid, require_usable
from data.formats.itk_header import nrrd_affine, nrrd_key_values
from data.formats.segment import Block, Segment
from data.input_error import InputError
from data.whole_file import AnyPath

SUFFIX = ".seg.nrrd"


def read_seg_nrrd(path: AnyPath) -> list[Segment]:
  """Reads the segments of a file, in its order.

  Raises:
    InputError: If it cannot be read, names no segments, or names layers that it does not have.
  """
  fields = nrrd_key_values(path)
  numbers = sorted({int(match[1]) for key in fields if (match := re.match(r"Segment(\d+)_", key))})
  if not numbers:
    raise InputError(
      f'{path}: the header names no segments (Segment0_Name); map its values by "labels": {{"1": organ}}, or '
      "save it as a segmentation in 3D Slicer."
    )
  affine = nrrd_affine(path)
  layers = itk.read_layers(path)
  if affine is None:
    raise InputError(f"{path}: is not an NRRD volume of three axes, or four with the layers first.")
  require_usable(path, FileGrid(layers.shape[:0:-1], affine))
  segments = []
  for number in numbers:
    value = _whole(path, fields, f"Segment{number}_LabelValue", number + 1 if len(layers) == 1 else 1)
    layer = _whole(path, fields, f"Segment{number}_Layer", 0 if len(layers) == 1 else number)
    if layer >= len(layers):
      raise InputError(f"{path}: segment {number} lies in layer {layer}, but there are {len(layers)} layers.")
    mask = layers[layer] == value
    name = fields.get(f"Segment{number}_Name", "").strip() or fields.get(f"Segment{number}_ID", "").strip()
    segments.append(Segment(name, value, (Block(mask, affine),) if mask.any() else ()))
  return segments


def named_values(path: AnyPath) -> dict[int, str]:
  """{label value: name} by the header; {} if a segment has no value, or there are several layers, in which a
  value is several segments."""
  fields = nrrd_key_values(path)
  names = {match[1]: text.strip() for key, text in fields.items() if (match := _field(key, "Name"))}
  layers = {text.strip() for key, text in fields.items() if _field(key, "Layer")}
  values = {number: fields.get(f"Segment{number}_LabelValue", "").strip() for number in names}
  if len(layers) > 1 or not all(value.isdigit() for value in values.values()):
    return {}
  return {int(values[number]): name for number, name in names.items()}


def _field(key: str, field: str) -> re.Match[str] | None:
  return re.fullmatch(rf"Segment(\d+)_{field}", key)


def _whole(path: AnyPath, fields: dict[str, str], key: str, otherwise: int) -> int:
  text = fields.get(key, str(otherwise)).strip()
  if not text.isdigit():
    raise InputError(f"{path}: {key} is {text[:20]!r}; a whole number is allowed. Save the file again.")
  return int(text)
