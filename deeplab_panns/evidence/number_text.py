"""Numbers as the text that tables, figures and messages show.

Shares and differences of shares are given as fractions: 0.812 is shown as 81.2 %. What is undefined (NaN, or
None where a number may be missing) is shown as NONE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

NONE = "–"
"""A table cell without a value."""

_MINUS = "−"  # as wide as the plus sign, which a hyphen is not


def percent(share: float) -> str:
  """A fraction in percent with one decimal, without the sign: 0.812 is "81.2"."""
  return NONE if math.isnan(share) else f"{100 * share:.1f}"


def percent_and_sd(mean: float, sd: float | None) -> str:
  """Mean and standard deviation: "81.2 ± 3.4"; the mean alone where `sd` is None or NaN."""
  return percent(mean) + ("" if sd is None or math.isnan(sd) else f" ± {percent(sd)}")


def whole_percent(share: float) -> str:
  """A fraction, perhaps negative, in whole percent without the sign; never "−0"."""
  return f"{round(100 * share)}".replace("-", _MINUS)


def percent_to_3_digits(share: float) -> str:
  """A fraction in percent with three significant digits, for shares far below 1 %: 0.000123 is "0.0123"."""
  return f"{100 * share:.3g}"


def points(difference: float) -> str:
  """A difference of two fractions in percentage points, always signed: 0.012 is "+1.2"."""
  return NONE if math.isnan(difference) else f"{100 * difference:+.1f}".replace("-", _MINUS)


def points_interval(interval: tuple[float, float] | None, if_none: str) -> str:
  """(low, high) of a difference as "+0.3 to +2.1"; `if_none` where there is no interval."""
  return if_none if interval is None else " to ".join(map(points, interval))


def ratio(value: float) -> str:
  """A ratio with two decimals."""
  return f"{value:.2f}"


def ratio_interval(interval: tuple[float, float] | None) -> str:
  """(low, high) of a ratio as "0.87 to 1.20"; "-" where there is no interval."""
  return "-" if interval is None else " to ".join(map(ratio, interval))


def factor(value: float) -> str:
  """A ratio with two significant digits, for a sentence that goes on with "times" or "×"."""
  return f"{value:.2g}"


def dice_share(value: float | None) -> str:
  """A Dice as a fraction with four decimals; "undefined" for None."""
  return "undefined" if value is None else f"{value:.4f}"


def p_value(p: float | None) -> str:
  """In the style of the APA: ".042", "< .001", "1"; NONE where nothing was tested."""
  if p is None:
    return NONE
  return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 0.9995 else "1"


def stars(p: float | None) -> str:
  """One star each for p below .05, .01 and .001."""
  return "" if p is None else "*" * sum(p < level for level in (0.05, 0.01, 0.001))


def millimetres(distance_mm: float) -> str:
  """A distance with one decimal, without the unit."""
  return NONE if math.isnan(distance_mm) else f"{distance_mm:.1f}"


def extent(extent_mm: Sequence[float]) -> str:
  """The size of a scan: "300 x 240 x 240 mm"."""
  return " x ".join(f"{value:.0f}" for value in extent_mm) + " mm"


def millilitres(volume_ml: float) -> str:
  """A volume in whole mL from 100 on, below with three significant digits; without the unit."""
  return f"{volume_ml:.0f}" if volume_ml >= 100 else f"{volume_ml:.3g}"


def count(number: int, thing: str) -> str:
  """A number of things in singular or plural: "1 case", "6 cases"."""
  return f"{number} {thing}{'' if number == 1 else 's'}"


def every_digit(value: float | str | None) -> str:
  """A CSV field that reads back as the same number; empty for None."""
  if value is None or isinstance(value, str):
    return value or ""
  return repr(float(value)) if isinstance(value, float) else str(value)


def ten_digits(value: float | str | None) -> str:
  """A CSV field of ten significant digits, for files that are compared between machines: further digits
  depend on the order in which a machine sums. Empty for None."""
  return f"{value:.10g}" if isinstance(value, float) else every_digit(value)
