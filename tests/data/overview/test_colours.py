"""Colours that can be told apart."""

import itertools

from data.overview.colours import organ_colour


def test_thirteen_organs_have_colours_apart():
  colours = [organ_colour(value) for value in range(1, 14)]
  assert min(max(abs(a - b) for a, b in zip(*pair)) for pair in itertools.combinations(colours, 2)) > 20
  assert all(max(colour) == 255 for colour in colours)
