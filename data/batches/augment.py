"""The paper's augmentation: rotation, scale and random crop, as one projective transform.

A sampler takes from a scan the canvas, the part that a crop can see, and `crop` cuts the crop from it.

`tfa.image.rotate` itself builds such a transform; doing rotation, scale and crop in the same one interpolates
the image once instead of three times, and gives a static shape at any scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.batches import interpolation
from data.organs import IGNORE

SCALES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # the paper's
MAX_ROTATION_DEGREES = 15.0  # the paper's

Transform = npt.NDArray[np.float32]
"""[8], as `tfa.image.transform` takes it: crop (column, row) to image or canvas (column, row)."""
Canvas = npt.NDArray[np.uint8]
"""The part of a scan that a crop can see, image or label: [channels or slices, rows, columns]."""


class Example(NamedTuple):
  """A canvas of a case, and the transform that cuts the crop from it.

  Attributes:
    case: index of the case among those that the sampler draws from.
    image: the stored image, [channels, rows, columns] of slices, [z, rows, columns] of patches.
    label: the stored label map, [1, rows, columns] or [z, rows, columns]; IGNORE beyond the scan.
    transform: crop to canvas.
    corner: the scan's (slice, row, column) that lies on index 0 of the canvas, in the sampler's view.
  """

  case: int
  image: Canvas
  label: Canvas
  transform: Transform
  corner: tuple[int, int, int]


def require_movement(scales: tuple[float, ...], max_rotation_degrees: float) -> None:
  """Raises a ValueError that begins with "<name>=<value>: " if crops cannot be moved like this."""
  if not scales or min(scales) <= 0:
    shown = ",".join(f"{scale:g}" for scale in scales)
    raise ValueError(f"scales={shown}: must be at least one number, each above 0")
  if not 0 <= max_rotation_degrees <= 45:
    raise ValueError(f"max_rotation_degrees={max_rotation_degrees}: must be in [0, 45]")


def turn_about(angle: float, scale: float, pixel: Sequence[float], anchor: Sequence[float]) -> Transform:
  """The transform from crop to image that shows image point `anchor` at crop pixel `pixel`.

  Args:
    angle: radians, counter-clockwise as displayed.
    scale: above 1 enlarges the image's content.
    pixel, anchor: (row, column), whole or not; the crop is turned and enlarged about them.
  Returns:
    [8] float32: crop (column, row) to image (column, row).
  """
  cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
  shift_col = anchor[1] - (cos * pixel[1] - sin * pixel[0])
  shift_row = anchor[0] - (sin * pixel[1] + cos * pixel[0])
  return np.array([cos, -sin, shift_col, sin, cos, shift_row, 0, 0], np.float32)


def crop_transform(
  angle: float, scale: float, crop_size: int, centre: Sequence[float], image_size: Sequence[int]
) -> Transform:
  """The transform from crop to image of a slice.

  The image is turned about its middle and enlarged; the crop is then cut so that its middle falls on `centre`
  of the turned image.

  Args:
    angle, scale: see `turn_about`.
    crop_size: pixels, square.
    centre: (row, column) in the turned image, in the image's own pixels before scaling.
    image_size: (rows, columns).
  Returns:
    [8] float32: crop (column, row) to image (column, row).
  """
  middle_row, middle_col = (image_size[0] - 1) / 2, (image_size[1] - 1) / 2
  half = (crop_size - 1) / 2
  row, col = centre[0] - middle_row, centre[1] - middle_col
  # From the turned image to the image: a rotation about the middle.
  turned_col = middle_col + math.cos(angle) * col - math.sin(angle) * row
  turned_row = middle_row + math.sin(angle) * col + math.cos(angle) * row
  return turn_about(angle, scale, (half, half), (turned_row, turned_col))


def canvas_size(crop_size: int, scales: Sequence[float], max_rotation_degrees: float, largest: int) -> int:
  """Side in pixels of the square that holds every pixel a crop can see; never more than `largest`, the
  longest side of any image."""
  angle = math.radians(min(max_rotation_degrees, 45.0))
  reach = math.ceil(crop_size / min(scales) * (math.cos(angle) + math.sin(angle))) + 4
  return min(reach, largest)


class CanvasPart(NamedTuple):
  """The part of an image that goes onto the canvas, and the transform from crop to canvas."""

  rows: slice
  columns: slice
  transform: Transform


def onto_canvas(
  transform: Transform, crop_size: Sequence[int], canvas: int, image_size: Sequence[int]
) -> CanvasPart:
  """Chooses the part of an image that goes onto the canvas: the square around the crop's middle, within the
  image.

  Args:
    transform: [8], crop to image.
    crop_size, image_size: (rows, columns).
    canvas: side of the canvas in pixels.
  """
  half_row, half_col = ((size - 1) / 2 for size in crop_size)
  middle = (
    transform[3] * half_col + transform[4] * half_row + transform[5],
    transform[0] * half_col + transform[1] * half_row + transform[2],
  )
  row, col = (
    int(np.clip(round(float(at) - canvas / 2), 0, max(0, size - canvas)))
    for at, size in zip(middle, image_size)
  )
  moved = transform - np.array([0, 0, col, 0, 0, row, 0, 0], np.float32)
  return CanvasPart(slice(row, row + canvas), slice(col, col + canvas), moved)


def canvas_points(transform: Transform, crop_size: Sequence[int]) -> npt.NDArray[np.float64]:
  """Where on the canvas each pixel of a crop lies: [rows, columns, 2], (row, column)."""
  rows, cols = np.mgrid[: crop_size[0], : crop_size[1]]
  at_col = transform[0] * cols + transform[1] * rows + transform[2]
  at_row = transform[3] * cols + transform[4] * rows + transform[5]
  return np.stack([at_row, at_col], axis=-1)


def crop(
  image: Canvas, label: Canvas, transform: Transform, crop_size: Sequence[int], channels_last: bool = False
) -> interpolation.Crop:
  """Cuts an augmented crop from a canvas: bilinear, 0 beyond it; labels nearest neighbour, IGNORE beyond it.

  Args:
    image, label: uint8 [channels, rows, columns].
    transform: crop to canvas.
    crop_size: (rows, columns).
    channels_last: how the image is to lie in memory.
  """
  rows, columns = crop_size
  return interpolation.cut(image, label, transform, (rows, columns), IGNORE, channels_last)
