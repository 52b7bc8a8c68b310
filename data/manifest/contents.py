"""What a label file holds: its values, or the names of its segments."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

from data.dicom.contours import read_structures
from data.dicom.objects import SEG, label_object
from data.dicom.segmentation import read_segmentation
from data.formats.png_stack import is_png_stack, read_png_stack
from data.formats.seg_nrrd import read_seg_nrrd
from data.reading import volumes
from data.reading.named_segments import has_segments
from data.reading.value_names import names_of
from data.value_counts import values_of


@dataclasses.dataclass(frozen=True)
class Contents:
  """One label file.

  Attributes:
    values: that it has beside 0, of a label map.
    names: of its segments that hold something, of a file that names them.
    empty: of those that hold nothing, and have no namesake that does.
    stated: {value: name} by the header of a label map, or by organs.json beside it.
  """

  values: tuple[int, ...] = ()
  names: tuple[str, ...] = ()
  empty: tuple[str, ...] = ()
  stated: Mapping[int, str] = dataclasses.field(default_factory=dict)


def contents_of(path: pathlib.Path) -> Contents:
  """Reads a label file. Raises InputError if it cannot be read."""
  if not is_png_stack(path) and has_segments(path):
    segments = _segments(path)
    names = tuple(name for name, holds in segments if holds)
    return Contents(names=names, empty=tuple(name for name, _ in segments if name not in names))
  is_stack = is_png_stack(path)
  array = read_png_stack(path) if is_stack else volumes.read_label(path).array
  values = tuple(value for value in values_of(array) if value)
  stated = {} if is_stack else names_of(path, values)
  return Contents(values, stated={value: name for value, name in stated.items() if value in values})


def _segments(path: pathlib.Path) -> list[tuple[str, bool]]:
  """(name, whether something is drawn) of each: templates name structures that nobody drew."""
  with volumes.system_errors(path):
    found = label_object(path)
    if found is None:
      return [(one.name, bool(one.blocks)) for one in read_seg_nrrd(path)]
    if found[0] == SEG:
      return [(one.name, bool(one.blocks)) for one in read_segmentation(found[1])]
    return [(one.name, bool(one.polygons)) for one in read_structures(found[1])]
