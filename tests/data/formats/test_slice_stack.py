"""The geometry of a stack by positions alone; numbers by hand."""

import numpy as np
import pytest

from data.formats.slice_stack import Slice, facing, is_parallel, sort_along_normal
from data.input_error import InputError
from tests.data.dicom.dicom_files import AXIAL


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


def test_steps_that_creep_are_measured_from_a_uniform_grid():
  depths = np.cumsum([0.0, *[2.0] * 60, *[2.19] * 59])  # each step within a tenth of the median
  with pytest.raises(InputError, match=r"the slice at 120 mm lies 5\.65 mm off a uniform grid of 2\.094 mm"):
    sort_along_normal("folder", stack(depths.tolist()))


def test_half_a_step_off_the_uniform_grid_is_allowed():
  depths = np.cumsum([0.0, *[2.0] * 10, *[2.15] * 10])  # 0.75 mm off at most
  _, affine = sort_along_normal("folder", stack(depths.tolist()))
  assert affine[2, 2] == pytest.approx(2.075)


def turned(angle, **fields):
  cosine, sine = np.cos(angle), np.sin(angle)
  known = {
    "path": "a",
    "series": "1",
    "rows": 101,
    "columns": 101,
    "position": (0, 0, 0),
    "pixel_spacing": (1.0, 1.0),
  }
  return Slice(orientation=(cosine, sine, 0, -sine, cosine, 0), **{**known, **fields})


def test_orientations_are_compared_at_the_far_corner():
  # An angle a moves the corner at (100, 100) mm by 100 a along either axis.
  assert is_parallel(turned(0), turned(0.0000002))
  assert is_parallel(turned(0), turned(0.0024)) and is_parallel(turned(0.5), turned(0.5024))
  assert not is_parallel(turned(0), turned(0.0052))
  assert not is_parallel(turned(0), turned(np.pi))
  for other in ({"series": "2"}, {"rows": 100}, {"columns": 100}):
    assert not is_parallel(turned(0), turned(0, **other))


def test_facing_has_no_minus_zero():
  assert facing(turned(0)) == "(1, 0, 0, 0, 1, 0)"


def test_orientations_that_differ_in_late_digits_are_one_stack():
  def one(z):
    turn = 0.0004999 if z % 2 else 0.0005001
    return Slice(str(z), "", 32, 32, (0, 0, z), (0.9999999, turn, 0, -turn, 0.9999999, 0), (2.0, 2.0))

  slices = [one(float(z)) for z in range(6)]
  assert all(is_parallel(slices[0], other) for other in slices)
  sort_along_normal("folder", slices)
