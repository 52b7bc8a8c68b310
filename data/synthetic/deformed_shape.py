"""How one deformed patient's body differs from the source scan's: where each voxel comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from data.arrays import Floats
from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_patient import normal

FIELD_OF_VIEW_MM = (400.0, 320.0)  # left-right and front-back; wider than the largest body
TAPER_MM = 60.0
# (mm between knots, deviation in mm): regions, organs, and their outlines move. Stronger bends begin to fold.
BENDS = ((100.0, 10.0), (55.0, 4.5), (30.0, 1.6))


@dataclasses.dataclass(frozen=True)
class Shape:
  """A random smooth map from the patient to the source scan, free of any voxel grid.

  source point = rotated((point - shift_mm) / scale) + bend, in mm: x and y from the middle of the scan, z
  from its top slice, since a scan that ends in the liver shows nothing above it.

  Attributes:
    depth_mm: extent of the new scan along z.
    cut_mm: how much of the source's top is left out.
    scale: [3], along x, y, z.
    shift_mm: [2], along x, y.
    angle: rotation about z, in radians.
    bends: fields of three channels in mm, whose sum is the bend.
  """

  depth_mm: float
  cut_mm: float
  scale: Floats
  shift_mm: Floats
  angle: float
  bends: tuple[SmoothField, ...]

  def axes_mm(self, pixel_mm: float, slice_mm: float) -> list[Floats]:
    """Centres of the voxels along x, y, z, each measured from the middle of the field of view."""
    lengths = ((FIELD_OF_VIEW_MM[0], pixel_mm), (FIELD_OF_VIEW_MM[1], pixel_mm), (self.depth_mm, slice_mm))
    counts = [(round(length / step), step) for length, step in lengths]
    return [(np.arange(count) - (count - 1) / 2) * step for count, step in counts]

  def source_mm(self, axes_mm: Sequence[Floats]) -> Floats:
    """The source points of a grid, float32 [3, z, y, x].

    They are in mm: to the left of the source's middle, to the back of it, and below its top slice.
    """
    z, y, x = np.meshgrid(*reversed(axes_mm), indexing="ij")
    bend = np.sum([field.on_grid(axes_mm) for field in self.bends], axis=0)
    x, y = (x - self.shift_mm[0]) / self.scale[0], (y - self.shift_mm[1]) / self.scale[1]
    below = (axes_mm[2][-1] - z) / self.scale[2]
    # The bend along z fades out towards the top slice, so that no point above the scan is asked for.
    ramp = np.clip(below / TAPER_MM, 0, 1)
    below = below + self.cut_mm + ramp**2 * (3 - 2 * ramp) * bend[2]
    return np.stack(
      [
        np.cos(self.angle) * x - np.sin(self.angle) * y + bend[0],
        np.sin(self.angle) * x + np.cos(self.angle) * y + bend[1],
        below,
      ]
    ).astype(np.float32)


def draw_shape(rng: np.random.Generator) -> Shape:
  """A random Shape; the same state of `rng` gives the same one."""
  body = np.exp(0.06 * normal(rng))
  return Shape(
    depth_mm=rng.uniform(190, 215),
    cut_mm=rng.uniform(0, 12),
    scale=body * np.exp(0.05 * normal(rng, 3)),
    shift_mm=8 * normal(rng, 2),
    angle=np.radians(5) * normal(rng),
    bends=tuple(SmoothField(rng, spacing_mm, std, channels=3) for spacing_mm, std in BENDS),
  )
