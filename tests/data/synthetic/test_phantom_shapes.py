"""Distances to solids, against numbers worked out by hand."""

import numpy as np

from data.synthetic.phantom_shapes import Ellipsoid, Solid, Tube


def test_ellipsoid_distance_of_a_ball_is_exact():
  ball = Ellipsoid((1, 2, 3), (4, 4, 4))
  points = np.array([[1, 2, 3], [1, 2, 7], [1, 8, 3], [3, 2, 3]], np.float32).T
  np.testing.assert_allclose(ball.distance(points), [-4, 0, 2, -2], atol=0.01)


def test_tube_distance_is_to_the_nearest_cone_and_its_radius_is_interpolated():
  tube = Tube(((0, 0, 0), (10, 0, 0), (10, 10, 0)), (1, 3, 3))
  points = np.array([[5, 6, 0], [-4, 0, 0], [14, 5, 0], [10, 5, 0]], np.float32).T
  # Beside the first half (radius 2; the other leg is 5 away), before its start, beside and on the second leg.
  np.testing.assert_allclose(tube.distance(points), [2, 3, 1, -3], atol=1e-5)


def test_a_hole_is_outside():
  solid = Solid((Ellipsoid((0, 0, 0), (9, 9, 9)),), holes=(Ellipsoid((0, 0, 0), (4, 4, 4)),))
  np.testing.assert_allclose(
    solid.distance(np.array([[1, 6, 8, 11], [0] * 4, [0] * 4], np.float32)), [3, -2, -1, 2], atol=1e-4
  )


def test_bounds_of_a_solid_hold_all_its_parts():
  solid = Solid((Ellipsoid((0, 0, 0), (1, 2, 3)), Tube(((4, 0, 0), (6, 0, 9)), (1, 2))))
  np.testing.assert_array_equal(solid.bounds(), [[-1, -2, -3], [8, 2, 11]])
