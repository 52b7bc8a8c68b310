"""The map from a deformed patient to the source scan."""

import dataclasses

import numpy as np

from data.synthetic.deformed_shape import FIELD_OF_VIEW_MM, draw_shape


def test_the_bend_does_not_fold():
  for index in range(5):
    shape = draw_shape(np.random.default_rng(index))
    points = shape.source_mm(shape.axes_mm(8, 8))
    slopes = np.stack([np.stack(np.gradient(point, 8)) for point in points])
    volumes = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)))
    assert volumes.max() < 0 or volumes.min() > 0  # one sign everywhere: nothing is turned inside out
    assert points[2].min() >= 0  # and nothing comes from above the scan


def test_without_bend_rotation_and_shift_only_the_scale_is_left():
  shape = dataclasses.replace(
    draw_shape(np.random.default_rng(0)),
    depth_mm=200.0,
    cut_mm=5.0,
    scale=np.array([2.0, 1.0, 0.5]),
    shift_mm=np.array([0.0, 10.0]),
    angle=0.0,
  )
  shape = dataclasses.replace(shape, bends=tuple(_Zero() for _ in shape.bends))
  axes = [np.array([-100.0, 100.0]), np.array([0.0, 50.0]), np.array([-90.0, 90.0])]
  left, back, below = shape.source_mm(axes)
  np.testing.assert_allclose(left[0, 0], [-50, 50])
  np.testing.assert_allclose(back[0, :, 0], [-10, 40])
  np.testing.assert_allclose(below[:, 0, 0], [180 / 0.5 + 5, 5])  # the last slice is the top one


class _Zero:
  def on_grid(self, axes_mm):
    return np.zeros((3, *(len(axis) for axis in reversed(axes_mm))), np.float32)


def test_the_grid_fills_the_field_of_view():
  x, y, _ = draw_shape(np.random.default_rng(0)).axes_mm(4.0, 5.0)
  assert (len(x) * 4, len(y) * 4) == FIELD_OF_VIEW_MM
  np.testing.assert_allclose([x.mean(), x[1] - x[0]], [0, 4], atol=1e-9)
