"""Codes and colours of organs, by which viewers tell and show them.

The codes are SNOMED CT's, the colours those of TotalSegmentator's table, so that both look alike in a viewer.
"""

from __future__ import annotations

import colorsys
import dataclasses
from collections.abc import Iterable

from data.listed import listed
from data.organs import tag

RGB = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Code:
  """A coded concept: where the code is defined, the code, and what it means."""

  scheme: str
  value: str
  meaning: str


@dataclasses.dataclass(frozen=True)
class OrganLook:
  """How an organ is shown and coded.

  Attributes:
    name: as in the organ list.
    rgb: 0 to 255.
    code: what it is; a private one where `is_coded` is False.
    side: the laterality, None where there is none.
    is_coded: whether the code is SNOMED CT's.
  """

  name: str
  rgb: RGB
  code: Code
  side: Code | None = None
  is_coded: bool = True


CATEGORY = Code("SCT", "123037004", "Anatomical Structure")
PRIVATE_SCHEME = "99PANNS"  # DICOM reserves names that begin with 99 for such
_RIGHT, _LEFT = Code("SCT", "24028007", "Right"), Code("SCT", "7771000", "Left")
_KIDNEY, _ADRENAL = Code("SCT", "64033007", "Kidney"), Code("SCT", "23451007", "Adrenal gland")
_KNOWN = {
  look.name: look
  for look in (
    OrganLook("spleen", (50, 170, 60), Code("SCT", "78961009", "Spleen")),
    OrganLook("right kidney", (34, 102, 136), _KIDNEY, _RIGHT),
    OrganLook("left kidney", (46, 138, 184), _KIDNEY, _LEFT),
    OrganLook("gallbladder", (54, 216, 119), Code("SCT", "28231008", "Gallbladder")),
    OrganLook("esophagus", (190, 90, 170), Code("SCT", "32849002", "Esophagus")),
    OrganLook("liver", (40, 140, 40), Code("SCT", "10200004", "Liver")),
    OrganLook("stomach", (180, 70, 160), Code("SCT", "69695003", "Stomach")),
    OrganLook("aorta", (216, 108, 54), Code("SCT", "15825003", "Aorta")),
    OrganLook("inferior vena cava", (0, 70, 200), Code("SCT", "64131007", "Inferior vena cava")),
    OrganLook("portal and splenic vein", (0, 90, 220), Code("SCT", "110765007", "Portal and splenic vein")),
    OrganLook("pancreas", (60, 150, 80), Code("SCT", "15776009", "Pancreas")),
    OrganLook("right adrenal gland", (178, 128, 26), _ADRENAL, _RIGHT),
    OrganLook("left adrenal gland", (241, 172, 34), _ADRENAL, _LEFT),
  )
}
_GOLDEN = 0.6180339887498949  # of a turn: hues that follow one another so never crowd


def organ_looks(organs: Iterable[str]) -> tuple[OrganLook, ...]:
  """Code and colour of every organ of a list, in its order.

  The 13 organs of BTCV have theirs. Another organ has a private code, its own name, and a colour by its place
  among such organs of the list.
  """
  looks, derived = [], 0
  for organ in organs:
    if organ not in _KNOWN:
      looks.append(OrganLook(organ, _derived_color(derived), _private_code(organ), is_coded=False))
      derived += 1
    else:
      looks.append(_KNOWN[organ])
  return tuple(looks)


def not_coded(looks: Iterable[OrganLook]) -> str:
  """A line that says which organs have no SNOMED CT code; empty if all have one."""
  names = [look.name for look in looks if not look.is_coded]
  if not names:
    return ""
  return (
    f"no SNOMED CT code is known here for {listed(names)}: colours are derived, and DICOM objects have codes "
    f"of the private scheme {PRIVATE_SCHEME}"
  )


def _derived_color(number: int) -> RGB:
  # From yellow on, where none of the known organs are. Every seventh is darker, since hues come round again.
  hue, value = (0.16 + number * _GOLDEN) % 1, 0.95 - 0.2 * (number // 7 % 3)
  red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.65, value))
  return red, green, blue


def _private_code(organ: str) -> Code:
  return Code(PRIVATE_SCHEME, tag(organ)[:64], organ[:64])
