"""Crops keep every voxel where it was in space."""

import nibabel
import numpy as np
import pytest

from data.input_error import InputError
from data.synthetic.field_of_view import crop, require_field
from data.synthetic.synthetic_case import SyntheticCase

ORGANS = ("spleen", "portal and splenic vein")
AFFINE = np.array([[-4.0, 0, 0, 70], [0, -4, 0, 80], [0, 0, 10, -90], [0, 0, 0, 1]])


def case():
  """A volume that says where each voxel lies: its value is x + 100 y + 10,000 z."""
  z, y, x = np.indices((12, 30, 40))
  label = np.zeros(z.shape, np.uint8)
  label[4:7, 10:13, 20:24] = 2
  return SyntheticCase(x + 100 * y + 10_000 * z, label, AFFINE)


def test_full_is_all():
  for ours, theirs in zip(crop(case(), "full", ORGANS), case()):
    np.testing.assert_array_equal(ours, theirs)


def test_upper_is_the_half_towards_the_head():
  image, label, affine = crop(case(), "upper", ORGANS)
  assert image.shape == label.shape == (6, 30, 40) and image[0, 0, 0] == 60_000
  np.testing.assert_array_equal(affine[:3, 3], [70, 80, -30])


def test_a_box_has_20_mm_around_the_organ():
  image, label, affine = crop(case(), "portal_and_splenic_vein_box", ORGANS)
  # 2 slices of 10 mm, 5 pixels of 4 mm on either side.
  assert image.shape == label.shape == (3 + 4, 3 + 10, 4 + 10)
  assert image[0, 0, 0] == 15 + 100 * 5 + 10_000 * 2
  assert np.count_nonzero(label) == 3 * 3 * 4
  corner_mm = nibabel.affines.apply_affine(AFFINE, [15, 5, 2])
  np.testing.assert_allclose(nibabel.affines.apply_affine(affine, [0, 0, 0]), corner_mm)


def test_a_box_ends_at_the_volume():
  whole = case()
  whole.label[0, 0, 39] = 2
  assert crop(whole, "portal_and_splenic_vein_box", ORGANS).label.shape == (9, 18, 25)


def test_a_missing_organ_is_said():
  with pytest.raises(InputError, match="has no spleen"):
    crop(case(), "spleen_box", ORGANS)


def test_names():
  for field in ("full", "upper", "spleen_box", "portal_and_splenic_vein_box"):
    require_field(field, ORGANS)
  for field in ("lower", "box", "lung_box", ""):
    with pytest.raises(ValueError, match="choose full, upper"):
      require_field(field, ORGANS)
