"""Polygons filled: against matplotlib's own test of points, with holes, and in the slices alone."""

import dataclasses

import matplotlib.path
import numpy as np
import pytest

from data.dicom.contours import Structure
from data.input_error import InputError
from data.reading.rasterised import fill, rasterise
from data.reading.volumes import read_image
from tests.data.formats.volume_files import CANONICAL_AFFINE, RAMP, save, stored_as


@pytest.fixture
def image(tmp_path):
  stored, affine = stored_as((0, 1, 2), (1, 1, 1))
  return read_image(save(tmp_path / "image.nii.gz", stored, affine))


@pytest.mark.parametrize("seed", range(5))
def test_the_pixels_whose_centre_is_inside(seed):
  rng = np.random.default_rng(seed)
  angles = np.sort(rng.uniform(0, 2 * np.pi, 30))
  radii = rng.uniform(3, 12, 30)
  polygon = np.stack([14.3 + radii * np.cos(angles), 11.7 + radii * np.sin(angles)], axis=1)
  y, x = np.mgrid[:25, :30]
  inside = matplotlib.path.Path(polygon).contains_points(np.stack([x.ravel(), y.ravel()], axis=1))
  np.testing.assert_array_equal(fill(polygon, (25, 30)), inside.reshape(25, 30))


def test_a_square_along_pixel_centres_counts_each_edge_once():
  square = np.array([[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]])
  assert fill(square, (6, 6)).sum() == 6  # 3 x 2, its area


def test_an_edge_beyond_the_picture_is_cut():
  assert fill(np.array([[-5.0, -5.0], [9.0, -5.0], [9.0, 9.0], [-5.0, 9.0]]), (3, 4)).all()


def at(corners, z):
  """Polygon in mm of (x, y) voxels in slice z."""
  voxels = np.array([[*corner, z, 1] for corner in corners])
  return (voxels @ CANONICAL_AFFINE.T)[:, :3]


OUTER, INNER = (
  [(-0.4, -0.4), (2.4, -0.4), (2.4, 3.4), (-0.4, 3.4)],
  [(0.6, 0.6), (1.4, 0.6), (1.4, 1.4), (0.6, 1.4)],
)


@pytest.mark.parametrize("turned", [False, True])
def test_polygons_that_overlap_in_part_are_united(image, turned):
  left = [(-0.4, -0.4), (1.4, -0.4), (1.4, 3.4), (-0.4, 3.4)]
  right = [(0.6, -0.4), (2.4, -0.4), (2.4, 3.4), (0.6, 3.4)]
  pair = (at(left, 2), at(right, 2))
  mask = rasterise("f", Structure("liver", 1, pair[::-1] if turned else pair), image)
  np.testing.assert_array_equal(mask, rasterise("f", Structure("liver", 1, (at(OUTER, 2),)), image))


def test_a_hole_is_one_whichever_polygon_comes_first(image):
  pair = (at(OUTER, 2), at(INNER, 2))
  masks = [rasterise("f", Structure("liver", 1, polygons), image) for polygons in (pair, pair[::-1])]
  np.testing.assert_array_equal(*masks)


def test_a_polygon_in_another_is_a_hole(image):
  structure = Structure("liver", 1, (at(OUTER, 2), at(INNER, 2), at(OUTER, 3)))
  mask = rasterise("f", structure, image)
  assert mask.shape == RAMP.shape and mask.sum(axis=(1, 2)).tolist() == [0, 0, 11, 12, 0]
  assert not mask[2, 1, 1]


@pytest.mark.parametrize(
  "z, says", [((1.4,), "0.4 slices off"), ((7,), "outside the image"), ((0, 2, 4), "lie 2 slices apart")]
)
def test_contours_that_do_not_belong_to_the_slices(image, z, says):
  structure = Structure("liver", 1, tuple(at(OUTER, one) for one in z))
  with pytest.raises(InputError, match=says):
    rasterise("f", structure, image)


def test_a_tilted_contour(image):
  tilted = at(OUTER, 2) + [[0, 0, 0], [0, 0, 0], [0, 0, 1.8], [0, 0, 1.8]]
  with pytest.raises(InputError, match="slices off"):
    rasterise("f", dataclasses.replace(Structure("liver", 1, ()), polygons=(tilted,)), image)


@pytest.mark.parametrize("across", [0, 1, 2])
def test_sagittal_and_coronal_slices(image, across):
  """A box of 2 voxels along each axis, drawn in planes across one of them."""
  u, v = (axis for axis in range(3) if axis != across)
  polygons = []
  for plane in (1, 2):
    corners = np.full((4, 4), 1.0)
    corners[:, across] = plane
    corners[:, u], corners[:, v] = [0.5, 2.5, 2.5, 0.5], [0.5, 0.5, 2.5, 2.5]
    polygons.append((corners @ CANONICAL_AFFINE.T)[:, :3])
  expected = np.zeros(RAMP.shape, bool)
  expected[1:3, 1:3, 1:3] = True
  np.testing.assert_array_equal(rasterise("f", Structure("liver", 1, tuple(polygons)), image), expected)
