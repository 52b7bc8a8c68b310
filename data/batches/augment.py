"""The paper's augmentation: rotation, scale and random crop, as one projective transform.

`tfa.image.rotate` itself builds such a transform; doing rotation, scale and crop in the same one interpolates
the image once instead of three times, and gives a static shape at any scale.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

from data.organs import IGNORE

SCALES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # the paper's
MAX_ROTATION_DEGREES = 15.0  # the paper's


def require_movement(scales: tuple[float, ...], max_rotation_degrees: float) -> None:
  """Raises a ValueError that begins with "<name>=<value>: " if a crop cannot be moved so."""
  if not scales or min(scales) <= 0:
    shown = ",".join(f"{scale:g}" for scale in scales)
    raise ValueError(f"scales={shown}: must be at least one number, each above 0")
  if not 0 <= max_rotation_degrees <= 45:
    raise ValueError(f"max_rotation_degrees={max_rotation_degrees}: must be in [0, 45]")


def turn_about(angle, scale, place, anchor):
  """The transform from crop pixels to image pixels that shows image point `anchor` at crop pixel `place`.

  Args:
    angle: radians, counter-clockwise as displayed.
    scale: above 1 enlarges the image's content.
    place, anchor: (row, column), whole or not; the crop is turned and enlarged about them.
  Returns:
    [8] float32 for `tfa.image.transform`: crop (column, row) -> image (column, row).
  """
  cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
  return np.array(
    [
      cos,
      -sin,
      anchor[1] - (cos * place[1] - sin * place[0]),
      sin,
      cos,
      anchor[0] - (sin * place[1] + cos * place[0]),
      0,
      0,
    ],
    np.float32,
  )


def crop_transform(angle, scale, crop_size, centre, image_size):
  """The transform from crop pixels to image pixels of a slice.

  The image is turned about its middle and enlarged; the crop is then cut so that its middle falls on `centre`
  of the turned image.

  Args:
    angle, scale: see `turn_about`.
    crop_size: pixels, square.
    centre: (row, column) in the turned image, in the image's own pixels before scaling.
    image_size: (rows, columns).
  Returns:
    [8] float32 for `tfa.image.transform`: crop (column, row) -> image (column, row).
  """
  middle_row, middle_col = (image_size[0] - 1) / 2, (image_size[1] - 1) / 2
  half = (crop_size - 1) / 2
  row, col = centre[0] - middle_row, centre[1] - middle_col
  # turned image -> image: rotation about the middle.
  turned_col = middle_col + math.cos(angle) * col - math.sin(angle) * row
  turned_row = middle_row + math.sin(angle) * col + math.cos(angle) * row
  return turn_about(angle, scale, (half, half), (turned_row, turned_col))


def canvas_size(crop_size, scales, max_rotation_degrees, largest):
  """Side of the square that holds every pixel a crop can see, and at most the largest image's side."""
  angle = math.radians(min(max_rotation_degrees, 45.0))
  reach = math.ceil(crop_size / min(scales) * (math.cos(angle) + math.sin(angle))) + 4
  return min(reach, largest)


def onto_canvas(transform, crop_size, canvas, image_size):
  """The part of an image that goes onto the canvas: the square around the crop's middle, within the image.

  Args:
    transform: [8], crop -> image.
    crop_size, image_size: (rows, columns).
    canvas: side of the canvas.
  Returns:
    (rows, columns, transform): two slices of the image, and the transform crop -> canvas.
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
  return slice(row, row + canvas), slice(col, col + canvas), moved


def crop(images, labels, transforms, crop_size):
  """Cuts one augmented crop from each canvas.

  Args:
    images: uint8 [batch, side, side, channels].
    labels: uint8 [batch, side, side].
    transforms: float32 [batch, 8], crop -> canvas.
    crop_size: (rows, columns).
  Returns:
    image float32 [batch, rows, columns, channels] in [0, 255], bilinear, 0 beyond the canvas;
    label uint8 [batch, rows, columns], nearest, IGNORE beyond the canvas.
  """
  size = tf.constant(crop_size, tf.int32)
  image = tfa.image.transform(tf.cast(images, tf.float32), transforms, "bilinear", output_shape=size)
  label = tfa.image.transform(
    labels[..., None], transforms, "nearest", output_shape=size, fill_value=float(IGNORE)
  )
  image.set_shape([images.shape[0], *crop_size, images.shape[-1]])
  label.set_shape([images.shape[0], *crop_size, 1])
  return image, label[..., 0]
