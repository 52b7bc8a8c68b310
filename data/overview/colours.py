"""Colours of organs in pictures: neighbours in the list are far apart."""

from __future__ import annotations

import colorsys

GOLDEN = 0.618034  # of the circle of hues: no two of many fall together


def organ_colour(value: int) -> tuple[int, int, int]:
  """RGB of the organ with a label value from 1 on; bright enough to be seen on a scan."""
  saturation = 0.55 if value % 3 == 0 else 0.85
  red, green, blue = colorsys.hsv_to_rgb((value - 1) * GOLDEN % 1, saturation, 1.0)
  return round(255 * red), round(255 * green), round(255 * blue)
