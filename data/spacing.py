"""The flag --spacing_mm: S, or Sy,Sx, or Sz,Sy,Sx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from data.arrays import SpacingMM, WantedSpacingMM
from data.input_error import InputError

Spacing = TypeVar("Spacing", SpacingMM, WantedSpacingMM)
NATIVE: WantedSpacingMM = (None, None, None)


def parse_spacing(values: Sequence[str] | None) -> WantedSpacingMM:
  """Reads the flag's list.

  Args:
    values: strings. None or empty keeps every case's own spacing; one number is for all three axes;
      two are in-plane (y, x) and leave z alone; three are (z, y, x).
  Returns:
    (z, y, x), None where an axis keeps its own spacing.
  Raises:
    InputError: If it is none of these, or a number is not above 0.
  """
  if not values:
    return NATIVE
  try:
    numbers = [float(value) for value in values]
  except ValueError:
    numbers = []
  if len(numbers) not in (1, 2, 3) or not all(0 < number < 1000 for number in numbers):
    raise InputError(
      f"--spacing_mm={','.join(values)}: must be S, or Sy,Sx, or Sz,Sy,Sx, each in mm above 0 and below 1000."
    )
  if len(numbers) == 1:
    numbers *= 3
  return cast(WantedSpacingMM, (None,) * (3 - len(numbers)) + tuple(numbers))


def fill_spacing(wanted_mm: WantedSpacingMM, own_mm: Spacing) -> Spacing:
  """(z, y, x): `wanted_mm` as from `parse_spacing`, with a case's own spacing where that has None."""
  return cast(Spacing, tuple(own if wanted is None else wanted for wanted, own in zip(wanted_mm, own_mm)))


def describe_spacing(spacing_mm: WantedSpacingMM) -> str:
  """(3.0, None, None) -> "3 x own x own mm"."""
  return " x ".join("own" if value is None else f"{value:g}" for value in spacing_mm) + " mm"
