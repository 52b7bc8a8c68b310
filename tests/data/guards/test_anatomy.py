"""What is known of the organs of data/organs.py."""

from data.guards.anatomy import NORMS, known_as
from data.organs import BTCV_ORGANS


def test_each_organ_has_a_norm():
  assert set(NORMS) == set(BTCV_ORGANS)


def test_names():
  assert known_as("Right_Kidney") == known_as("right  kidney") == "right kidney"
