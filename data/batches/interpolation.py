"""Crops of stored images, bilinear, and of label maps, nearest neighbour, through an affine transform.

Every operation is that of `tfa.image.transform` (TensorFlow's ImageProjectiveTransformV3), in its order and
in float32, so results are equal to the bit. It takes less processor time, since a pixel's place is computed
once for all channels or slices and for the label; and Numba compiles the loop, which therefore runs without
Python's lock: several threads of an input pipeline cut crops at the same time.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from data.arrays import Floats

Planes = npt.NDArray[np.uint8]
"""[channels, rows, columns], stored intensities or label values."""


class Crop(NamedTuple):
  """A crop: image float32 in [0, 255], and label uint8, both [channels, rows, columns]."""

  image: Floats
  label: Planes


def cut(
  image: Planes,
  label: Planes,
  transform: Floats,
  size: tuple[int, int],
  beyond: int,
  channels_last: bool = False,
) -> Crop:
  """Samples image and label map where a transform says.

  Args:
    image, label: [channels, rows, columns] of the same rows and columns.
    transform: [8] float32, crop (column, row) to image (column, row); the last two are 0.
    size: rows and columns of the crop.
    beyond: the label beyond the image; the image's intensities there are 0.
    channels_last: whether the image lies in memory as [rows, columns, channels], for `np.moveaxis`.
  """
  channels = len(image)
  intensities = (
    np.moveaxis(np.empty((*size, channels), np.float32), -1, 0)
    if channels_last
    else np.empty((channels, *size), np.float32)
  )
  crop = Crop(intensities, np.empty((len(label), *size), np.uint8))
  arguments = (_padded(image, 0), _padded(label, beyond), transform, crop.image, crop.label)
  try:
    _compiled(*arguments)
  except OSError:  # what was compiled could not be kept for the next process, but it is here
    _compiled(*arguments)
  return crop


def _padded(planes: Planes, fill: int) -> Planes:
  """Planes with a border of one pixel of `fill`."""
  channels, rows, columns = planes.shape
  padded = np.full((channels, rows + 2, columns + 2), fill, np.uint8)
  padded[:, 1:-1, 1:-1] = planes
  return padded


def _fill(image: Planes, label: Planes, transform: Floats, out: Floats, out_label: Planes) -> None:
  """Fills `out` and `out_label` from padded planes: the part of `cut` that Numba compiles."""
  rows, columns = out_label.shape[1:]
  height, width = image.shape[1] - 2, image.shape[2] - 2
  stride = width + 2
  pixels, values = image.reshape(len(image), -1), label.reshape(len(label), -1)
  one, half = np.float32(1), np.float32(0.5)
  # Of a row's pixels: indices of the four neighbours and of the nearest one, and what each side weighs.
  a, b = np.empty(columns, np.uintp), np.empty(columns, np.uintp)
  c, d = np.empty(columns, np.uintp), np.empty(columns, np.uintp)
  nearest = np.empty(columns, np.uintp)  # unsigned: Numba need not look for negative indices
  above, below = np.empty(columns, np.float32), np.empty(columns, np.float32)
  left, right = np.empty(columns, np.float32), np.empty(columns, np.float32)
  for i in range(rows):
    for j in range(columns):
      x = transform[0] * np.float32(j) + transform[1] * np.float32(i) + transform[2]
      y = transform[3] * np.float32(j) + transform[4] * np.float32(i) + transform[5]
      x_floor, y_floor = np.floor(x), np.floor(y)
      right[j], below[j] = x - x_floor, y - y_floor
      left[j], above[j] = (x_floor + one) - x, (y_floor + one) - y
      # Clipped as floats: a place far beyond the image is no integer.
      column = int(min(max(x_floor, np.float32(-2)), np.float32(width)))
      row = int(min(max(y_floor, np.float32(-2)), np.float32(height)))
      start, end = max(column, -1) + 1, min(column + 1, width) + 1
      top, bottom = (max(row, -1) + 1) * stride, (min(row + 1, height) + 1) * stride
      a[j], b[j], c[j], d[j] = top + start, top + end, bottom + start, bottom + end
      # Halves are rounded away from 0, as std::round does. Below 0 the distance from the floor is not exact.
      nearest_column = end if (right[j] >= half if x >= 0 else left[j] < half) else start
      nearest_row = bottom if (below[j] >= half if y >= 0 else above[j] < half) else top
      nearest[j] = nearest_row + nearest_column
    for k in range(len(pixels)):
      for j in range(columns):
        upper = left[j] * pixels[k, a[j]] + right[j] * pixels[k, b[j]]
        lower = left[j] * pixels[k, c[j]] + right[j] * pixels[k, d[j]]
        out[k, i, j] = above[j] * upper + below[j] * lower
    for k in range(len(values)):
      for j in range(columns):
        out_label[k, i, j] = values[k, nearest[j]]


def _compile(function: Callable[..., None]) -> Callable[..., None]:
  """Compiles at the first call; keeps the result for other processes beside this file or in the user's cache,
  whichever can be written to."""
  try:
    return numba.njit(nogil=True, cache=True)(function)
  except RuntimeError:  # neither can be written to: each process compiles for itself
    return numba.njit(nogil=True)(function)


_compiled = _compile(_fill)
