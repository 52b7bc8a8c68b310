"""The organs' names, colours and codes as a table that 3D Slicer reads beside label maps."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from deeplab_panns.outputs.organ_looks import CATEGORY, Code, OrganLook

_CODED = ("Category", "Type", "TypeModifier", "Region", "RegionModifier")
COLUMNS = ("LabelValue", "Name", "Color_R", "Color_G", "Color_B", "Color_A") + tuple(
  f"{concept}_{part}" for concept in _CODED for part in ("CodingScheme", "CodeValue", "CodeMeaning")
)


def color_table(looks: Iterable[OrganLook]) -> str:
  """CSV as 3D Slicer's documentation describes it (developer guide, Colors): a row for every label.

  Quotation marks, which Slicer's reader cannot take, become apostrophes.
  """
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(COLUMNS)
  for value, look in enumerate(looks, 1):
    codes = (*_parts(CATEGORY), *_parts(look.code), *_parts(look.side), *_parts(None), *_parts(None))
    writer.writerow(str(cell).replace('"', "'") for cell in (value, look.name, *look.rgb, 255, *codes))
  return text.getvalue()


def _parts(code: Code | None) -> tuple[str, str, str]:
  return (code.scheme, code.value, code.meaning) if code else ("", "", "")
