"""CT slices as RGB pictures, the organs tinted and outlined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data.arrays import Labels, Mask, Picture, SpacingMM, StoredImage
from data.organs import IGNORE

# Sixteen colours that can be told apart on grey; further organs repeat them, darker. In the order of BTCV's
# organ list, neighbours in the body (kidneys, aorta and vena cava, liver and gallbladder) get unlike colours.
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


def organ_colours(count: int) -> npt.NDArray[np.uint8]:
  """RGB by label value, [count + 1, 3]: black for the background, then a colour for each organ."""
  rounds = np.arange(count) // len(_COLOURS)
  colours = _COLOURS[np.arange(count) % len(_COLOURS)] * (0.65**rounds)[:, None]
  return np.vstack([np.zeros((1, 3)), colours]).astype(np.uint8)


def outline(label: Labels) -> Mask:
  """[height, width]: pixels whose right or lower neighbour has another label."""
  edge = np.zeros(label.shape, bool)
  edge[:-1] |= label[:-1] != label[1:]
  edge[:, :-1] |= label[:, :-1] != label[:, 1:]
  return edge


def overlay(image: StoredImage, label: Labels) -> Picture:
  """A grey slice with organs tinted and outlined.

  Args:
    image: [height, width].
    label: [height, width]; IGNORE is shown as background.
  Returns:
    [height, width, 3].
  """
  label = np.where(label == IGNORE, 0, label)
  colours = organ_colours(max(int(label.max()), 1))[label].astype(np.float32)
  opacity = np.where(label == 0, 0.0, np.where(outline(label), 1.0, 0.35))[..., None]
  return (image[..., None] * (1 - opacity) + colours * opacity).astype(np.uint8)


def compare_slice(image: StoredImage, reference: Labels, predicted: Labels) -> Picture:
  """Image, reference and prediction side by side, in the axial slice that shows the most reference organs.

  Args:
    image, reference, predicted: [z, y, x].
  Returns:
    [y, 3x + 4, 3], enlarged by a whole factor to at least 256 rows.
  """
  index = _richest(reference, axis=0)
  return _enlarged(_side_by_side(image[index], reference[index], predicted[index]))


def compare_planes(
  image: StoredImage, reference: Labels, predicted: Labels, spacing_mm: SpacingMM
) -> Picture:
  """As `compare_slice`, in three planes below one another: axial, coronal and sagittal, the head on top.

  Each is the plane of its kind that shows the most reference organs, scaled to pixels that are square in mm.

  Args:
    image, reference, predicted: [z, y, x].
    spacing_mm: (z, y, x).
  Returns:
    [height, width, 3].
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


def _richest(reference: Labels, axis: int) -> int:
  """The index along `axis` of the slice with the most organs, of equals that with the most organ voxels."""
  parts = np.moveaxis(reference, axis, 0)
  return int(np.argmax([len(np.unique(part)) + np.count_nonzero(part) / part.size for part in parts]))


def _square_pixels(plane: npt.NDArray[np.uint8], spacing_mm: Sequence[float]) -> npt.NDArray[np.uint8]:
  """Repeats rows or columns, so that both have the finer of the two spacings."""
  sizes = [max(1, round(size * spacing / min(spacing_mm))) for size, spacing in zip(plane.shape, spacing_mm)]
  rows, cols = (np.arange(new) * old // new for new, old in zip(sizes, plane.shape))
  return plane[np.ix_(rows, cols)]


def _side_by_side(image: StoredImage, reference: Labels, predicted: Labels) -> Picture:
  grey = np.repeat(image[..., None], 3, axis=-1)
  gap = np.full((image.shape[0], 2, 3), 255, np.uint8)
  return np.concatenate([grey, gap, overlay(image, reference), gap, overlay(image, predicted)], axis=1)


def _enlarged(picture: Picture) -> Picture:
  factor = max(1, -(-256 // picture.shape[0]))
  return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def stack_pictures(pictures: Sequence[Picture]) -> npt.NDArray[np.uint8]:
  """Pictures of different sizes as one array [pictures, height, width, 3], padded with white."""
  height, width = (max(picture.shape[axis] for picture in pictures) for axis in range(2))
  stacked = np.full((len(pictures), height, width, 3), 255, np.uint8)
  for padded, picture in zip(stacked, pictures):
    padded[: picture.shape[0], : picture.shape[1]] = picture
  return stacked
