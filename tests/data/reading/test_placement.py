"""Masks on other grids: every orientation, crops, and what lies between or outside the voxels."""

import itertools

import numpy as np
import pytest

from data.input_error import InputError
from data.reading.placement import place
from data.reading.volumes import read_image
from tests.data.formats.volume_files import CANONICAL_AFFINE, ORIENTATIONS, RAMP, save, stored_as


@pytest.fixture
def image(tmp_path):
  stored, affine = stored_as((0, 1, 2), (1, 1, 1))
  return read_image(save(tmp_path / "image.nii.gz", stored, affine))


MASK = RAMP % 7 == 3


@pytest.mark.parametrize("axes, signs", ORIENTATIONS)
def test_in_every_orientation(image, axes, signs):
  stored, affine = stored_as(axes, signs, MASK)
  np.testing.assert_array_equal(place("f", stored.T, affine, image), MASK)


def test_a_part_of_the_grid(image):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, 3] = CANONICAL_AFFINE[:3] @ [1, 2, 3, 1]
  placed = place("f", np.ones((2, 1, 2), bool), affine, image)
  assert {tuple(at) for at in np.argwhere(placed)} == set(itertools.product((3, 4), (2,), (1, 2)))


def test_of_a_single_slice_the_plane_alone_counts(image):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, 2] = [0, 0, -99]
  np.testing.assert_array_equal(
    place("f", np.ones((1, 4, 3), bool), affine, image).sum(axis=(1, 2)), [12, 0, 0, 0, 0]
  )


@pytest.mark.parametrize("change, says", [((0, 0, 1.2), "0.4 voxels off"), ((0, 0, 2), "outside the image")])
def test_between_and_outside(image, change, says):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, 3] += change
  with pytest.raises(InputError, match=says):
    place("f", np.ones(RAMP.shape, bool), affine, image)


def test_another_spacing(image):
  affine = CANONICAL_AFFINE.copy()
  affine[:3, :3] *= 1.5
  with pytest.raises(InputError, match="Resample it"):
    place("f", np.ones((2, 2, 3), bool), affine, image)
