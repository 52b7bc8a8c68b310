"""What a scanner adds to every synthetic volume: the grain of a reconstruction filter, and whole numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from data.arrays import Floats

LOWEST_HU, HIGHEST_HU = -1024, 3071  # 12 bits


def draw_grain(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
  """Noise of mean 0 that neighbouring voxels share, float32 of a shape [z, y, x]; its deviation is not 1."""
  white = rng.standard_normal(shape, np.float32)
  return ndimage.gaussian_filter(white, (0.5, 1, 1), truncate=3)


def whole_hu(image: Floats) -> npt.NDArray[np.int16]:
  """HU as a scanner stores them: clipped to 12 bits and rounded to int16."""
  return np.rint(np.clip(image, LOWEST_HU, HIGHEST_HU)).astype(np.int16)
