"""One training example as a sampler draws it, before TensorFlow cuts the crop from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Transform = npt.NDArray[np.float32]
"""[8], for `tfa.image.transform`: crop (column, row) to image or canvas (column, row)."""
Canvas = npt.NDArray[np.uint8]
"""The part of a scan that a crop can see, image or label; of one size, whatever the scan's."""


class Example(NamedTuple):
  """A canvas of a case, and the transform that cuts the crop from it.

  Attributes:
    case: index of the case among those that the sampler draws from.
    image: the stored image, [side, side, channels] of slices, [z, side, side] of patches.
    label: the stored label map, [side, side] or [z, side, side]; IGNORE where the scan does not reach.
    transform: crop to canvas.
  """

  case: int
  image: Canvas
  label: Canvas
  transform: Transform
