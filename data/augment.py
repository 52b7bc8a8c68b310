"""The paper's augmentation: rotation, scale and random crop, as one projective transform.

`tfa.image.rotate` itself builds such a transform; doing rotation, scale and crop in the same one interpolates the
image once instead of three times, and gives a static shape at any scale.
"""
import math

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

from data.organs import IGNORE


def crop_transform(angle, scale, crop_size, centre, image_size):
  """The transform from crop pixels to image pixels.

  The image is turned about its middle and enlarged; the crop is then cut so that its middle falls on `centre`
  of the turned image.

  Args:
    angle: radians, counter-clockwise as displayed.
    scale: above 1 enlarges the image's content.
    crop_size: pixels, square.
    centre: (row, column) in the turned image, in the image's own pixels before scaling.
    image_size: (rows, columns).
  Returns:
    [8] float32 for `tfa.image.transform`: crop (column, row) -> image (column, row).
  """
  cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
  middle_row, middle_col = (image_size[0] - 1) / 2, (image_size[1] - 1) / 2
  half = (crop_size - 1) / 2
  row, col = centre[0] - middle_row, centre[1] - middle_col
  # crop pixel (c, r) -> turned image -> image: rotation about the middle.
  turned_col = middle_col + math.cos(angle) * col - math.sin(angle) * row
  turned_row = middle_row + math.sin(angle) * col + math.cos(angle) * row
  return np.array([cos, -sin, turned_col - half * (cos - sin),
                   sin, cos, turned_row - half * (sin + cos), 0, 0], np.float32)


def canvas_size(crop_size, scales, max_rotation_degrees, largest):
  """Side of the square that holds every pixel a crop can see, and at most the largest image's side."""
  angle = math.radians(min(max_rotation_degrees, 45.0))
  reach = math.ceil(crop_size / min(scales) * (math.cos(angle) + math.sin(angle))) + 4
  return min(reach, largest)


def crop(images, labels, transforms, crop_size):
  """Cuts one augmented crop from each canvas.

  Args:
    images: uint8 [batch, side, side, channels].
    labels: uint8 [batch, side, side].
    transforms: float32 [batch, 8], crop -> canvas.
    crop_size: pixels.
  Returns:
    image float32 [batch, crop_size, crop_size, channels] in [0, 255], bilinear, 0 beyond the canvas;
    label uint8 [batch, crop_size, crop_size], nearest, IGNORE beyond the canvas.
  """
  size = tf.constant([crop_size, crop_size], tf.int32)
  image = tfa.image.transform(tf.cast(images, tf.float32), transforms, "bilinear", output_shape=size)
  label = tfa.image.transform(labels[..., None], transforms, "nearest", output_shape=size, fill_value=float(IGNORE))
  image.set_shape([images.shape[0], crop_size, crop_size, images.shape[-1]])
  label.set_shape([images.shape[0], crop_size, crop_size, 1])
  return image, label[..., 0]
