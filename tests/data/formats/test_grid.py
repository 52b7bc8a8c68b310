"""Grids: into canonical orientation and back, and what no grid can be."""

import nibabel as nib
import numpy as np
import pytest

from data.formats.grid import FileGrid, axis_codes, farthest_apart, require_usable, spacing_of
from data.input_error import InputError
from tests.data.formats.volume_files import CANONICAL_AFFINE, ORIENTATIONS, RAMP, refused, stored_as


def test_canonical_by_hand():
  grid = FileGrid((2, 3, 4), np.diag([2.0, 3.0, 5.0, 1.0]))  # RAS: x and y run the other way
  np.testing.assert_allclose(
    grid.canonical_affine, [[-2, 0, 0, 2], [0, -3, 0, 6], [0, 0, 5, 0], [0, 0, 0, 1]]
  )
  stored = np.arange(24).reshape(4, 3, 2)
  np.testing.assert_array_equal(grid.to_canonical(stored), stored[:, ::-1, ::-1])


@pytest.mark.parametrize("axes, signs", ORIENTATIONS)
def test_from_canonical_is_the_inverse(axes, signs):
  stored, affine = stored_as(axes, signs)
  grid = FileGrid(stored.shape, affine)
  np.testing.assert_array_equal(grid.to_canonical(stored.T), RAMP)
  np.testing.assert_array_equal(grid.from_canonical(RAMP), stored.T)
  np.testing.assert_allclose(grid.canonical_affine, CANONICAL_AFFINE, atol=1e-12)
  assert spacing_of(grid.canonical_affine) == pytest.approx((2, 0.75, 0.5))


@pytest.mark.parametrize(
  "affine, words",
  [
    (np.eye(4), "identity"),
    (np.diag([-1.0, -1, 1, 1]), "identity"),  # what SimpleITK makes of an array
    (np.diag([1, np.nan, 1, 1]), "not finite"),
    (np.diag([1.0, 0.001, 2, 1]), r"\(2, 0.001, 1\) mm"),
    (np.diag([1.0, 1, 101, 1]), r"\(101, 1, 1\) mm"),
    (np.diag([1.0, 0, 1, 1]), r"\(1, 0, 1\) mm"),
  ],
)
def test_what_no_grid_can_be(affine, words):
  with pytest.raises(InputError, match=f"^file: .*{words}"):
    require_usable("file", FileGrid((2, 3, 4), affine))


def test_unit_scales_everything_but_the_last_row():
  grid = FileGrid((2, 3, 4), np.diag([0.002, 0.003, 0.005, 1]), unit="meter")
  np.testing.assert_allclose(grid.affine_mm, np.diag([2, 3, 5, 1]))


def test_shear(tmp_path):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, 1] = [0.75 * np.sin(np.radians(10)), -0.75 * np.cos(np.radians(10)), 0]
  image = nib.Nifti1Image(RAMP.T, affine)
  nib.save(image, tmp_path / "ct.nii.gz")
  refused(tmp_path / "ct.nii.gz", "80.0 degrees instead of 90", "resample")


def test_a_slight_shear_is_refused_where_it_amounts_to_half_a_voxel():
  affine = np.diag([1.0, 1, 2, 1])
  affine[0, 1] = 0.0009
  require_usable("file", FileGrid((200, 200, 20), affine))
  with pytest.raises(InputError, match=r"makes 0\.954 mm; half a voxel"):
    require_usable("file", FileGrid((1500, 1500, 20), affine))


def test_distance_of_two_affines_by_hand():
  moved = np.diag([1.0, 1, 2.1, 1])
  moved[0, 3] = 0.3
  # Along z the last of 5 slices is 4 * 0.1 off; with 0.3 across that makes 0.5.
  assert farthest_apart(np.diag([1.0, 1, 2, 1]), moved, (3, 3, 5)) == pytest.approx(0.5)


def test_axis_codes():
  assert axis_codes(np.diag([-1.0, -1, 1, 1])) == "L,P,S"
  assert axis_codes(np.diag([0.0, -1, 1, 1])) == "?,P,S"
