"""The geometry of a stack by positions alone; numbers by hand."""

import numpy as np
import pytest

from data.formats.slice_stack import Slice, sort_along_normal
from data.input_error import InputError
from tests.data.formats.dicom_files import AXIAL


def stack(depths, orientation=AXIAL, pixel_spacing=(0.5, 0.25), aside=lambda z: (1.0, 2.0)):
  """Slices in the given order, each named by its z."""
  return [Slice(str(z), "", 2, 2, (*aside(z), z), orientation, pixel_spacing) for z in depths]


def test_affine_by_hand():
  ordered, affine = sort_along_normal("folder", stack((7.0, 3.0, 5.0)))
  assert [one.path for one in ordered] == ["3.0", "5.0", "7.0"]
  np.testing.assert_allclose(affine, [[-0.25, 0, 0, -1], [0, -0.5, 0, -2], [0, 0, 2, 3], [0, 0, 0, 1]])


def test_a_normal_that_points_down_puts_the_highest_slice_first():
  ordered, affine = sort_along_normal("folder", stack((3.0, 7.0, 5.0), (1, 0, 0, 0, -1, 0)))
  assert [one.path for one in ordered] == ["7.0", "5.0", "3.0"]
  np.testing.assert_allclose(affine, [[-0.25, 0, 0, -1], [0, 0.5, 0, -2], [0, 0, -2, 7], [0, 0, 0, 1]])


@pytest.mark.parametrize(
  "depths, words", [((1.0,), "one slice only"), ((1.0, 2.0, 2.0), "more than once, at 2 mm")]
)
def test_what_is_no_stack(depths, words):
  with pytest.raises(InputError, match=f"^folder: .*{words}"):
    sort_along_normal("folder", stack(depths))


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (-1.0, 1.0)])
def test_pixels_without_size(spacing):
  with pytest.raises(InputError, match="above 0"):
    sort_along_normal("folder", stack((1.0, 2.0), pixel_spacing=spacing))


def test_orientation_of_no_length():
  with pytest.raises(InputError, match="two unit vectors"):
    sort_along_normal("folder", stack((1.0, 2.0), (0, 0, 0, 0, 0, 0)))
