"""How one deformed patient's body differs from the source's: where each voxel of the new scan comes from."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_patient import normal

FIELD_OF_VIEW_MM = (400.0, 320.0)  # left-right and front-back; wider than the largest body
TAPER_MM = 60.0
# (mm between knots, deviation in mm) of regions, of organs, of their outlines. Stronger ones begin to fold.
BENDS = ((100.0, 10.0), (55.0, 4.5), (30.0, 1.6))


@dataclasses.dataclass(frozen=True)
class Shape:
  """Drawn before there is a voxel grid.

  source point = turned((point - shift_mm) / scale) + bend, in mm: x and y from the middle of the scan, z from
  its top slice, since a scan that ends in the liver shows nothing above it.
  """

  depth_mm: float
  cut_mm: float  # what is missing of the source's top
  scale: np.ndarray  # x, y, z
  shift_mm: np.ndarray  # x, y
  angle: float
  bends: tuple[SmoothField, ...]

  def axes_mm(self, pixel_mm, slice_mm):
    """Centres of the voxels along x, y, z, each from the middle of the field of view."""
    lengths = ((FIELD_OF_VIEW_MM[0], pixel_mm), (FIELD_OF_VIEW_MM[1], pixel_mm), (self.depth_mm, slice_mm))
    counts = [(round(length / step), step) for length, step in lengths]
    return [(np.arange(count) - (count - 1) / 2) * step for count, step in counts]

  def source_mm(self, axes_mm):
    """float32 [3, z, y, x]: mm to the left and to the back of the source's middle, and below its top."""
    z, y, x = np.meshgrid(*reversed(axes_mm), indexing="ij")
    bend = sum(field.on_grid(axes_mm) for field in self.bends)
    x, y = (x - self.shift_mm[0]) / self.scale[0], (y - self.shift_mm[1]) / self.scale[1]
    below = (axes_mm[2][-1] - z) / self.scale[2]
    # The bend along z dies away towards the top slice, so that nothing is asked for that was never scanned.
    ramp = np.clip(below / TAPER_MM, 0, 1)
    below = below + self.cut_mm + ramp**2 * (3 - 2 * ramp) * bend[2]
    return np.stack(
      [
        np.cos(self.angle) * x - np.sin(self.angle) * y + bend[0],
        np.sin(self.angle) * x + np.cos(self.angle) * y + bend[1],
        below,
      ]
    ).astype(np.float32)


def draw_shape(rng):
  """A Shape drawn from numpy Generator `rng`."""
  body = np.exp(0.06 * normal(rng))
  return Shape(
    depth_mm=rng.uniform(190, 215),
    cut_mm=rng.uniform(0, 12),
    scale=body * np.exp(0.05 * normal(rng, 3)),
    shift_mm=8 * normal(rng, 2),
    angle=np.radians(5) * normal(rng),
    bends=tuple(SmoothField(rng, spacing_mm, std, channels=3) for spacing_mm, std in BENDS),
  )
