"""Pictures of slices with organs in colours."""

from __future__ import annotations

import numpy as np

from data.organs import IGNORE

# Sixteen colours that keep apart on grey; repeated, darker, beyond. In the order of BTCV's list neighbours in
# the body (kidneys, aorta and vena cava, liver and gallbladder) are far apart.
_COLOURS = np.array(
  [
    (230, 40, 70),
    (60, 140, 240),
    (60, 190, 75),
    (0, 165, 155),
    (250, 135, 45),
    (255, 225, 40),
    (190, 120, 50),
    (240, 60, 230),
    (80, 235, 240),
    (165, 80, 225),
    (250, 185, 210),
    (170, 255, 195),
    (200, 175, 255),
    (200, 240, 60),
    (255, 215, 180),
    (170, 60, 60),
  ],
  np.float32,
)


def organ_colours(count):
  """uint8 [count + 1, 3]: black for background, then one colour per organ."""
  rounds = np.arange(count) // len(_COLOURS)
  colours = _COLOURS[np.arange(count) % len(_COLOURS)] * (0.65**rounds)[:, None]
  return np.vstack([np.zeros((1, 3)), colours]).astype(np.uint8)


def outline(label):
  """bool [height, width]: pixels whose right or lower neighbour has another label."""
  edge = np.zeros(label.shape, bool)
  edge[:-1] |= label[:-1] != label[1:]
  edge[:, :-1] |= label[:, :-1] != label[:, 1:]
  return edge


def overlay(image, label):
  """A grey slice with organs tinted and outlined.

  Args:
    image: uint8 [height, width].
    label: uint8 [height, width]; IGNORE is drawn as background.
  Returns:
    uint8 [height, width, 3].
  """
  label = np.where(label == IGNORE, 0, label)
  colours = organ_colours(max(int(label.max()), 1))[label].astype(np.float32)
  opacity = np.where(label == 0, 0.0, np.where(outline(label), 1.0, 0.35))[..., None]
  return (image[..., None] * (1 - opacity) + colours * opacity).astype(np.uint8)


def compare_slice(image, reference, predicted):
  """The axial slice with the most different reference organs: image, reference, prediction side by side.

  Args:
    image, reference, predicted: uint8 [z, y, x].
  Returns:
    uint8 [y, 3x + 4, 3], enlarged by a whole number to at least 256 rows.
  """
  index = _richest(reference, axis=0)
  return _enlarged(_side_by_side(image[index], reference[index], predicted[index]))


def compare_planes(image, reference, predicted, spacing_mm):
  """As `compare_slice`, three planes below one another: axial, and coronal and sagittal with the head on top.

  Each is the plane of its kind with the most different reference organs, its pixels square in mm.

  Args:
    spacing_mm: (z, y, x).
  """
  rows = []
  for axis in range(3):
    index = _richest(reference, axis)
    planes = [np.take(volume, index, axis) for volume in (image, reference, predicted)]
    across = [spacing_mm[other] for other in range(3) if other != axis]
    if axis:
      planes = [plane[::-1] for plane in planes]  # z grows to the head
    rows.append(_side_by_side(*(_square_pixels(plane, across) for plane in planes)))
  return _enlarged(np.concatenate(stack_pictures(rows)))


def _richest(reference, axis):
  parts = np.moveaxis(reference, axis, 0)
  return int(np.argmax([len(np.unique(part)) + np.count_nonzero(part) / part.size for part in parts]))


def _square_pixels(plane, spacing_mm):
  """Repeats rows or columns, so that the finer spacing is that of both."""
  sizes = [max(1, round(size * spacing / min(spacing_mm))) for size, spacing in zip(plane.shape, spacing_mm)]
  rows, cols = (np.arange(new) * old // new for new, old in zip(sizes, plane.shape))
  return plane[np.ix_(rows, cols)]


def _side_by_side(image, reference, predicted):
  grey = np.repeat(image[..., None], 3, axis=-1)
  gap = np.full((image.shape[0], 2, 3), 255, np.uint8)
  return np.concatenate([grey, gap, overlay(image, reference), gap, overlay(image, predicted)], axis=1)


def _enlarged(picture):
  factor = max(1, -(-256 // picture.shape[0]))
  return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def stack_pictures(pictures):
  """Pictures of different sizes as one uint8 array [pictures, height, width, 3], padded with white."""
  height, width = (max(picture.shape[axis] for picture in pictures) for axis in range(2))
  stacked = np.full((len(pictures), height, width, 3), 255, np.uint8)
  for place, picture in zip(stacked, pictures):
    place[: picture.shape[0], : picture.shape[1]] = picture
  return stacked
