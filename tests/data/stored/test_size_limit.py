"""What is too large is said before it is made."""

import pathlib

import pytest

from data.input_error import InputError
from data.stored.size_limit import require_size


def size_at(target_mm, max_voxels):
  require_size(pathlib.Path("ct.nii"), (10, 20, 30), (3.0, 2.0, 1.0), target_mm, max_voxels)


def test_the_limit_itself_is_allowed():
  size_at((1.5, 1.0, 0.5), 8 * 10 * 20 * 30)
  with pytest.raises(InputError, match=r"^ct\.nii: at 1\.5 x 1 x 0\.5 mm it would have 48,000 "):
    size_at((1.5, 1.0, 0.5), 8 * 10 * 20 * 30 - 1)


def test_the_error_names_limit_own_spacing_and_a_way_out():
  with pytest.raises(InputError) as error:
    size_at((0.001, 0.001, 0.001), 1_000_000)
  text = str(error.value)
  assert "--max_voxels=1,000,000" in text and "its own spacing is 3 x 2 x 1 mm" in text and "coarser" in text
  assert len(text) <= 300 and "36,000,000,000,000 voxels" in text  # 30,000 x 40,000 x 30,000


def test_an_axis_never_vanishes():
  size_at((1000.0, 1000.0, 1000.0), 1)
