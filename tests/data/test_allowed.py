"""The bounds belong to a range, NaN to none; errors name the setting, what was given and what is allowed."""

import math
import re

import pytest

from data.allowed import require_choice, require_range


def test_what_is_allowed_passes_bounds_too():
  require_choice("view", "axial", ("axial", "coronal"))
  for value in (0, 0.5, 1):
    require_range("momentum", value, 0, 1)
  require_range("steps", 10**9, 0)


@pytest.mark.parametrize("value", [-1e-9, 1.0000001, math.nan, math.inf])
def test_a_number_outside_is_refused_with_its_range(value):
  with pytest.raises(ValueError, match=re.escape(f"momentum={value}: must be in [0, 0.99999]")):
    require_range("momentum", value, 0, 0.99999)


def test_without_an_upper_bound_the_lower_one_is_named():
  with pytest.raises(ValueError, match=r"^steps=-1: must be at least 0$"):
    require_range("steps", -1, 0)


def test_an_unknown_choice_is_refused_with_the_known_ones():
  with pytest.raises(ValueError, match=r"^stride=7: must be one of 8, 16$"):
    require_choice("stride", 7, (8, 16))
