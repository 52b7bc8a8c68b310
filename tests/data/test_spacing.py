"""The flag --spacing_mm."""

import pytest

from data.input_error import InputError
from data.spacing import parse_spacing


@pytest.mark.parametrize(
  "text, parsed",
  [
    (None, (None, None, None)),
    (["3"], (3.0, 3.0, 3.0)),
    (["2", "1.5"], (None, 2.0, 1.5)),
    (["5", "2", "1"], (5.0, 2.0, 1.0)),
  ],
)
def test_spacing_flag(text, parsed):
  assert parse_spacing(text) == parsed


@pytest.mark.parametrize("text", [["0"], ["-1", "2"], ["x"], ["nan"], ["1", "2", "3", "4"], ["inf"]])
def test_wrong_spacing_flags(text):
  with pytest.raises(InputError, match="--spacing_mm"):
    parse_spacing(text)
