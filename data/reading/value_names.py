"""What a label map itself says that its values stand for."""

from __future__ import annotations

import html
import json
import pathlib
import re
from collections.abc import Collection, Mapping

import nibabel
from nibabel.filebasedimages import ImageFileError

from data.formats import strict_json
from data.formats.seg_nrrd import named_values
from data.input_error import InputError
from data.organs import NO_ORGANS, is_organ_name, plain_name
from data.whole_file import AnyPath

ORGANS_BESIDE = "organs.json"  # predict writes it beside its label maps: a list, from the value 1 on
ANNOTATED_BESIDE = "annotated.json"  # {case id: organs that its label map tells about}, of partial ones
# A row of the table that Connectome Workbench and TotalSegmentator keep in a NIfTI header.
_LABEL = re.compile(r'<Label\b[^>]*\bKey="(\d+)"[^>]*>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</Label>', re.DOTALL)


def value_names(path: AnyPath) -> dict[int, str]:
  """{value: name} by the header of a .seg.nrrd or NIfTI file, or by an organs.json beside it; {} if neither
  says it, or cannot be read: that is for who reads the voxels to tell."""
  path = pathlib.Path(path)
  try:
    of_segments = named_values(path) if path.name.lower().endswith(".nrrd") else {}
    return of_segments or _of_table(path) or _of_list(path.parent / ORGANS_BESIDE)
  except (OSError, ValueError, ImageFileError):
    return {}


def names_of(path: AnyPath, values: Collection[int]) -> dict[int, str]:
  """`value_names` of a file that holds these values beside 0.

  A table of several organs says nothing of a file whose one value is 1: that is a mask which was cut out of a
  label map, and kept its header.
  """
  stated = value_names(path)
  organs = [name for value, name in stated.items() if value and name.casefold() not in NO_ORGANS]
  return {} if set(values) == {1} and len(organs) > 1 else stated


def annotated_beside(folder: AnyPath) -> dict[str, tuple[str, ...]]:
  """{case id: its annotated organs} of the label maps in a folder that annotate a part of the organs.

  Raises:
    InputError: If the file is damaged.
  """
  path = pathlib.Path(folder) / ANNOTATED_BESIDE
  if not path.exists():
    return {}
  try:
    content = strict_json.parse(path.read_text(encoding="utf-8-sig"))
    if all(isinstance(organs, list) and all(map(is_organ_name, organs)) for organs in content.values()):
      return {case: tuple(organs) for case, organs in content.items()}
  except (OSError, ValueError, AttributeError):
    pass
  raise InputError(f'{path}: holds other than {{"case": ["liver", ...]}}; mend it, or take it away.')


def contradiction(
  stated: Mapping[int, str], taken_for: Mapping[int, str], organs: Collection[str]
) -> tuple[int, str, str] | None:
  """The first value that a label map calls by another organ's name than it is taken for: (value, its name
  there, the organ that it is taken for); None if there is none.

  A name that is not among the organs is a matter of words, and says nothing.
  """
  known = {plain_name(organ) for organ in organs}
  for value, name in stated.items():
    organ = taken_for.get(value)
    if organ is not None and plain_name(name) in known - {plain_name(organ)}:
      return value, name, organ
  return None


def _of_table(path: pathlib.Path) -> dict[int, str]:
  if not path.name.lower().endswith((".nii", ".nii.gz")):
    return {}
  extensions = nibabel.load(path).header.extensions
  text = "\n".join(_text(one.get_content()) for one in extensions if one.get_code() == 0)
  rows = _LABEL.findall(text)
  return {int(key): (quoted or html.unescape(plain)).strip() for key, quoted, plain in rows}


def _text(content: object) -> str:
  return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


def _of_list(path: pathlib.Path) -> dict[int, str]:
  organs = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else []
  if not isinstance(organs, list) or not all(isinstance(organ, str) for organ in organs):
    return {}
  return dict(enumerate(organs, start=1))
