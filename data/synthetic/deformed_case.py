"""Draws patients from one real scan: bent, scaled, with another contrast medium, shading and noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from data.synthetic.deformed_shape import draw_shape
from data.synthetic.deformed_source import Source
from data.synthetic.phantom_ct import ROLES
from data.synthetic.phantom_field import SmoothField
from data.synthetic.phantom_patient import CONTRAST_HU, normal

AIR_HU = -1024
UNENHANCED_HU = 40
SOFT_TISSUE_HU = (-40.0, 0.0, 110.0, 160.0)  # nothing, all, all, nothing of it is muscle or bowel


def draw_case(seed, role, index, source: Source, voxel_mm):
  """One patient, a pure function of its arguments; `voxel_mm` changes the resolution, not the patient.

  Args:
    role: one of ROLES.
    voxel_mm: (pixel, slice).
  Returns:
    (image_hu int16 [z, y, x], label uint8 [z, y, x] as the source's, affine [4, 4] in RAS mm).
  """
  streams = np.random.SeedSequence([seed, ROLES.index(role), index]).spawn(3)
  shape_rng, contrast_rng, noise_rng = (np.random.default_rng(stream) for stream in streams)
  shape = draw_shape(shape_rng)
  axes_mm = shape.axes_mm(*voxel_mm)
  places = _source_voxels(shape.source_mm(axes_mm), source)
  image = ndimage.map_coordinates(source.image_hu, places, order=1, cval=AIR_HU)
  weights = _organ_weights(source, places)
  image += _contrast(contrast_rng, source.organs, image, weights, axes_mm)
  return _with_noise(noise_rng, image, axes_mm), _label(weights), _affine(axes_mm)


def _source_voxels(source_mm, source):
  """Indices (z, y, x) into the source's arrays, as floats."""
  middle = (np.array(source.label.shape) - 1) / 2
  x, y, below = source_mm
  z_mm, y_mm, x_mm = source.spacing_mm
  top = source.label.shape[0] - 1
  return np.stack([np.clip(top - below / z_mm, 0, top), middle[1] + y / y_mm, middle[2] + x / x_mm])


def _organ_weights(source, places):
  """float32 [organs, z, y, x]: how much of each voxel is the organ, by linear interpolation of its mask."""
  return np.stack(
    [
      ndimage.map_coordinates((source.label == value).astype(np.float32), places, order=1)
      for value in range(1, 1 + len(source.organs))
    ]
  )


def _label(weights):
  """The organ with the largest share of a voxel, or background where that has a larger one."""
  background = 1 - weights.sum(axis=0)
  return np.where(weights.max(axis=0) > background, 1 + weights.argmax(axis=0), 0).astype(np.uint8)


def _contrast(rng, organs, image, weights, axes_mm):
  """HU to add: each organ as bright as contrast medium makes it, muscle and bowel in patches that mislead."""
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


def _with_noise(rng, image, axes_mm):
  """int16 HU with another calibration, slow shading, the grain of a reconstruction filter, white noise."""
  image = image * np.float32(1 + 0.04 * normal(rng)) + np.float32(5 * normal(rng))
  image += SmoothField(rng, spacing_mm=60, std=6).on_grid(axes_mm)[0]
  image += np.float32(rng.uniform(6, 16)) * rng.standard_normal(image.shape, np.float32)
  grain = ndimage.gaussian_filter(rng.standard_normal(image.shape, np.float32), (0.5, 1, 1), truncate=3)
  image += np.float32(rng.uniform(4, 12)) / grain.std() * grain
  return np.rint(np.clip(image, -1024, 3071)).astype(np.int16)


def _affine(axes_mm):
  """The arrays' x runs to the patient's left and y to the back, against RAS."""
  steps = [(axis[1] - axis[0]) * sign for axis, sign in zip(axes_mm, (-1, -1, 1))]
  affine = np.diag([*steps, 1.0])
  affine[:3, 3] = [axis[0] * sign for axis, sign in zip(axes_mm, (-1, -1, 1))]
  return affine
