"""Makes patients from one real scan: deformed, with another contrast medium, shading and noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from data.arrays import Affine, Floats, Labels
from data.synthetic.ct_noise import LOWEST_HU, draw_grain, whole_hu
from data.synthetic.deformed_shape import draw_shape
from data.synthetic.deformed_source import Source
from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_patient import CONTRAST_HU, normal
from data.synthetic.synthetic_case import SyntheticCase, case_generators

UNENHANCED_HU = 40
# Share of a voxel that counts as muscle or bowel: 0 at the first of these HU, 1 between the middle two, 0 at
# the last.
SOFT_TISSUE_HU = (-40.0, 0.0, 110.0, 160.0)


def draw_case(
  seed: int, role: str, index: int, source: Source, voxel_mm: tuple[float, float]
) -> SyntheticCase:
  """One patient, a pure function of its arguments; `voxel_mm` changes the resolution, not the patient.

  Args:
    seed, role, index: see `case_generators`.
    voxel_mm: (pixel, slice).
  Returns:
    A SyntheticCase of the source's organs, whose axes run to the left, to the back and to the head.
  """
  shape_rng, contrast_rng, noise_rng = case_generators(seed, role, index, 3)
  shape = draw_shape(shape_rng)
  axes_mm = shape.axes_mm(*voxel_mm)
  voxels = _source_voxels(shape.source_mm(axes_mm), source)
  image = ndimage.map_coordinates(source.image_hu, voxels, order=1, cval=LOWEST_HU)
  weights = _organ_weights(source, voxels)
  image += _contrast(contrast_rng, source.organs, image, weights, axes_mm)
  image = _with_noise(noise_rng, image, axes_mm)
  return SyntheticCase(whole_hu(image), _label(weights), _affine(axes_mm))


def _source_voxels(source_mm: Floats, source: Source) -> Floats:
  """Coordinates (z, y, x) in voxels of the source's arrays, [3, z, y, x]."""
  middle = (np.array(source.label.shape) - 1) / 2
  x, y, below = source_mm
  z_mm, y_mm, x_mm = source.spacing_mm
  top = source.label.shape[0] - 1
  return np.stack([np.clip(top - below / z_mm, 0, top), middle[1] + y / y_mm, middle[2] + x / x_mm])


def _organ_weights(source: Source, voxels: Floats) -> Floats:
  """The organs' shares of each voxel, by linear interpolation of their masks: float32 [organs, z, y, x]."""
  return np.stack(
    [
      ndimage.map_coordinates((source.label == value).astype(np.float32), voxels, order=1)
      for value in range(1, 1 + len(source.organs))
    ]
  )


def _label(weights: Floats) -> Labels:
  """Of each voxel the organ with the largest share, or background where its share is larger."""
  background = 1 - weights.sum(axis=0)
  return np.where(weights.max(axis=0) > background, 1 + weights.argmax(axis=0), 0).astype(np.uint8)


def _contrast(
  rng: np.random.Generator,
  organs: Sequence[str],
  image: Floats,
  weights: Floats,
  axes_mm: Sequence[Floats],
) -> Floats:
  """HU that contrast medium adds: to each organ its own, to muscle and bowel patches as bright as organs."""
  phase, gain = rng.uniform(), rng.uniform(0.1, 1.1)
  added = np.zeros(image.shape, np.float32)
  for organ, weight in zip(organs, weights):
    early, late, std = CONTRAST_HU[organ]
    enhanced = gain * (early + phase * (late - early) - UNENHANCED_HU) + 1.5 * std * normal(rng)
    added += weight * np.float32(enhanced)
  patches = gain * (25 + SmoothField(rng, spacing_mm=30, std=25).on_grid(axes_mm)[0])
  soft_tissue = np.interp(image, SOFT_TISSUE_HU, (0, 1, 1, 0)).astype(np.float32) * (1 - weights.sum(axis=0))
  added += soft_tissue * patches
  return added


def _with_noise(rng: np.random.Generator, image: Floats, axes_mm: Sequence[Floats]) -> Floats:
  """HU with another calibration, slow shading, white noise, and the grain of a reconstruction filter."""
  image = image * np.float32(1 + 0.04 * normal(rng)) + np.float32(5 * normal(rng))
  image += SmoothField(rng, spacing_mm=60, std=6).on_grid(axes_mm)[0]
  image += np.float32(rng.uniform(6, 16)) * rng.standard_normal(image.shape, np.float32)
  grain = draw_grain(rng, image.shape)
  image += np.float32(rng.uniform(4, 12)) / grain.std() * grain
  return image


def _affine(axes_mm: Sequence[Floats]) -> Affine:
  """The arrays' x axis runs to the patient's left and y to the back, both against RAS."""
  steps = [(axis[1] - axis[0]) * sign for axis, sign in zip(axes_mm, (-1, -1, 1))]
  affine = np.diag([*steps, 1.0])
  affine[:3, 3] = [axis[0] * sign for axis, sign in zip(axes_mm, (-1, -1, 1))]
  return affine
