"""A smooth field belongs to space, not to the grid it is looked at on."""

import numpy as np

from data.synthetic.phantom_field import SmoothField


def test_smooth_field_has_its_deviation_and_belongs_to_space_not_to_the_grid():
  field = SmoothField(np.random.default_rng(0), spacing_mm=12, std=3, channels=2)
  coarse = [np.arange(-180, 181, 8.0), np.arange(-180, 181, 8.0), np.arange(-96, 97, 8.0)]
  fine = [np.arange(axis[0], axis[-1] + 1, 4) for axis in coarse]
  values = field.on_grid(coarse)
  assert values.shape == (2, 25, 46, 46)
  np.testing.assert_allclose(values, field.on_grid(fine)[:, ::2, ::2, ::2], atol=1e-5)
  # Knots are cut at two deviations, which takes 12 % off.
  assert 0.8 * 3 < values.std() < 1.05 * 3


def test_neighbours_are_alike_and_points_far_apart_are_not():
  """The field changes over the distance between its knots, here 24 mm; many seeds, one line along x."""
  axes = [np.array([0.0, 2.0, 150.0]), np.zeros(1), np.zeros(1)]
  fields = [SmoothField(np.random.default_rng(seed), spacing_mm=24, std=1) for seed in range(200)]
  values = np.array([field.on_grid(axes)[0, 0, 0] for field in fields])
  near, far = np.corrcoef(values, rowvar=False)[0, 1:]
  assert near > 0.98 and abs(far) < 0.25
