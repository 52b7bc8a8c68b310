"""Polygons that, filled by the even-odd rule, are the mask again."""

import numpy as np
import pytest
from matplotlib.path import Path

from deeplab_panns.outputs.contours import polygons_of


def filled(polygons, shape):
  """By matplotlib's test of points: the pixels whose centres lie in an odd number of polygons."""
  rows, columns = np.indices(shape)
  centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
  inside = np.zeros(len(centres), bool)
  for polygon in polygons:
    inside ^= even_odd(polygon, centres)
  return inside.reshape(shape)


def even_odd(polygon, points):
  """Crossings of a ray to the right; independent of winding, which matplotlib counts."""
  crossings = np.zeros(len(points), int)
  for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0)):
    between = (y0 > points[:, 1]) != (y1 > points[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
      x = x0 + (points[:, 1] - y0) / (y1 - y0) * (x1 - x0)
    crossings += between & (points[:, 0] < x)
  return crossings % 2 == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_random_mask_is_its_polygons_filled(seed):
  """Holes, islands in holes, pixels that touch by their corners, and the edge."""
  rng = np.random.default_rng(seed)
  mask = rng.random((9, 11)) < (0.3 + 0.06 * seed)
  np.testing.assert_array_equal(filled(polygons_of(mask), mask.shape), mask)


def test_a_square_of_five_pixels_has_four_sides_and_cut_corners():
  mask = np.zeros((9, 9), bool)
  mask[2:7, 1:6] = True
  (polygon,) = polygons_of(mask)
  assert len(polygon) == 8
  assert polygon.min(axis=0).tolist() == [0.5, 1.5] and polygon.max(axis=0).tolist() == [5.5, 6.5]
  inside = Path(polygon).contains_points(np.argwhere(mask)[:, ::-1])
  assert inside.all()


def test_a_hole_belongs_to_the_polygon_around_it():
  mask = np.ones((9, 9), bool)
  mask[3:5, 3:6] = mask[6, 6] = False
  (polygon,) = polygons_of(mask)  # not three
  np.testing.assert_array_equal(filled([polygon], mask.shape), mask)


def test_an_empty_mask_has_none():
  assert polygons_of(np.zeros((3, 4), bool)) == []
