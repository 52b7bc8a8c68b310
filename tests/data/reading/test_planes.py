"""Structures that are not whole."""

import numpy as np
import pytest

from data.dicom.contours import Structure
from data.input_error import InputError
from data.reading.planes import gap_notes, without_repeats


def mask_of(*planes, depth=20, axis=0):
  mask = np.zeros((depth,) * 3, bool)
  np.moveaxis(mask, axis, 0)[list(planes), 5:9, 5:9] = True
  return mask


@pytest.mark.parametrize("planes", [(3, 4, 5, 6), (7,), ()])
def test_a_whole_structure_is_passed(planes):
  assert gap_notes("f", "liver", mask_of(*planes)) == ()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("planes, every", [((2, 4, 6, 8, 10), 2), ((1, 4, 6, 9, 12), 3)])
def test_planes_of_thicker_slices_are_refused(planes, every, axis):
  with pytest.raises(InputError, match=f"^f: the slices of the scan in which liver lies are {every} apart"):
    gap_notes("f", "liver", mask_of(*planes, axis=axis))


def test_other_gaps_are_told():
  (line,) = gap_notes("f", "metastases", mask_of(2, 3, 9, 15))
  assert line == "metastases has nothing in 10 slice(s) between others in which it is drawn"
  assert gap_notes("f", "kidneys", mask_of(2, 3, 9, axis=2)) == ()  # side by side


def test_a_contour_that_is_stored_twice_counts_once():
  first, second = np.zeros((3, 3)), np.ones((3, 3))
  found = without_repeats(Structure("liver", 1, (first, second, first.copy())))
  assert [one is polygon for one, polygon in zip(found.polygons, (first, second))] == [True, True]
  assert len(found.polygons) == 2
