"""Masks laid over each other: the smaller organ keeps its edge, whatever the order."""

import numpy as np
import pytest

from data.input_error import InputError
from data.reading.overlaid import PackedMasks, overlaid

ORGANS = ("liver", "adrenal")


def masks(adrenal):
  liver, other = np.zeros((1, 1, 20), bool), np.zeros((1, 1, 20), bool)
  liver[..., :12], other[..., adrenal] = True, True
  packed = PackedMasks(liver.shape)
  packed.unite("liver", liver)
  packed.unite("adrenal", other)
  return packed


@pytest.mark.parametrize("organs", [ORGANS, ORGANS[::-1]])
def test_the_smaller_organ_has_the_voxel(organs):
  label, notes = overlaid("f", masks(slice(10, 16)), organs)
  values = [1 + organs.index("liver")] * 10 + [1 + organs.index("adrenal")] * 6 + [0] * 4
  assert label.ravel().tolist() == values and label.dtype == np.uint8
  assert notes == ("2 voxel(s) where masks overlap went to the smaller organ",)


def test_apart_there_is_nothing_to_tell():
  assert overlaid("f", masks(slice(14, 16)), ORGANS)[1] == ()
  assert not overlaid("f", PackedMasks((1, 1, 20)), ORGANS)[0].any()


def test_one_structure_under_two_names_is_refused():
  with pytest.raises(InputError, match="4 of the 6 voxels of adrenal lie in liver too"):
    overlaid("f", masks(slice(8, 14)), ORGANS)


def test_masks_come_back_as_they_were_and_are_united():
  rng = np.random.default_rng(0)
  first, second = rng.random((2, 3, 5, 7)) > 0.7
  packed = PackedMasks((3, 5, 7))
  packed.unite("liver", first)
  np.testing.assert_array_equal(packed["liver"], first)
  packed.unite("liver", second)
  np.testing.assert_array_equal(packed["liver"], first | second)
  assert packed.organs() == ["liver"] and packed["liver"].dtype == bool
