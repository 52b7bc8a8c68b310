"""The mean anatomy: inside the body, and symmetric where a body is."""

import numpy as np
import pytest

from data.synthetic.phantom_anatomy import CAVITY_MM, ORGANS


def middle(organ):
  return np.mean(ORGANS[organ].solid.bounds(), axis=0)


@pytest.mark.parametrize("organ", ORGANS)
def test_an_organs_middle_lies_in_the_cavity(organ):
  right, anterior, _ = middle(organ)
  assert (right / CAVITY_MM[0]) ** 2 + (anterior / CAVITY_MM[1]) ** 2 < 1


def test_the_left_kidney_mirrors_the_right_one_and_lies_higher():
  np.testing.assert_allclose(middle("left kidney"), middle("right kidney") * [-1, 1, 1] + [0, 0, 12])


def test_the_aorta_lies_left_of_the_vena_cava_and_both_before_the_spine():
  """RAS: right is positive."""
  assert middle("aorta")[0] < 0 < middle("inferior vena cava")[0]
  assert min(middle("aorta")[1], middle("inferior vena cava")[1]) > -59 + 18


def test_adrenal_glands_lie_above_their_kidneys():
  for side in ("right", "left"):
    assert middle(f"{side} adrenal gland")[2] > middle(f"{side} kidney")[2]
