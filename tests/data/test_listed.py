"""A long list is cut, and says by how much."""

import pytest

from data.listed import listed


@pytest.mark.parametrize(
  "names, at_most, expected",
  [
    ([], 3, ""),
    (["a"], 3, "a"),
    (["a", "b", "c"], 3, "a, b, c"),
    (["a", "b", "c", "d"], 3, "a, b, c and 1 more"),
    (range(2000), 2, "0, 1 and 1998 more"),
  ],
)
def test_the_first_names_and_how_many_more(names, at_most, expected):
  assert listed(names, at_most) == expected
