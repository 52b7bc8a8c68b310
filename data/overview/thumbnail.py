"""Three planes of a case with its organs' contours, to be looked at."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from data.arrays import Integers, Labels, Mask, Picture, SpacingMM, StoredImage
from data.organs import IGNORE
from data.overview.colours import organ_colour

WIDEST, HIGHEST = 240, 280  # pixels of one plane
GAP = 4


def draw_thumbnail(image: StoredImage, label: Labels, spacing_mm: SpacingMM) -> bytes:
  """A JPEG file of an axial, a coronal and a sagittal plane, side by side and to scale.

  As radiologists look at them: the patient's right is on the left, the head above, in the sagittal plane the
  front on the left. Each plane is the one that shows the most organs.

  Args:
    image: uint8 [z, y, x], canonical.
    label: uint8 of the same shape.
  """
  z, y, x = _planes(label)
  size_mm = np.multiply(image.shape, spacing_mm)
  scale = min(WIDEST / max(size_mm[1:]), HIGHEST / max(size_mm[:2]))
  depth, height, width = (max(1, round(float(mm * scale))) for mm in size_mm)
  pictures = [
    _plane(image[z], label[z], (width, height)),
    _plane(image[::-1, y], label[::-1, y], (width, depth)),
    _plane(image[::-1, :, x], label[::-1, :, x], (height, depth)),
  ]
  for picture, side in zip(pictures, ("R", "R", "A")):
    ImageDraw.Draw(picture).text((2, 1), side, fill=(255, 255, 0))
  sheet = Image.new(
    "RGB", (sum(one.width for one in pictures) + 2 * GAP, max(one.height for one in pictures)), (32, 32, 32)
  )
  left = 0
  for picture in pictures:
    sheet.paste(picture, (left, 0))
    left += picture.width + GAP
  file = io.BytesIO()
  sheet.save(file, "JPEG", quality=75, subsampling=0)  # contours are one pixel wide: full colour resolution
  return file.getvalue()


def _planes(label: Labels) -> list[int]:
  """(z, y, x) of the planes with the most organs, then with the most voxels of them; else the middle ones."""
  counts = [np.zeros((length, 256), np.int64) for length in label.shape]
  for z, plane in enumerate(label):
    inside = np.flatnonzero((plane > 0) & (plane != IGNORE))
    values = plane.ravel()[inside].astype(np.int64)
    counts[0][z] = np.bincount(values, minlength=256)
    for table, index in zip(counts[1:], np.divmod(inside, plane.shape[1])):
      table += np.bincount(index * 256 + values, minlength=table.size).reshape(table.shape)
  return [_best(table) for table in counts]


def _best(table: Integers) -> int:
  if not table.any():
    return len(table) // 2
  organs, voxels = (table > 0).sum(1), table.sum(1)
  return int(np.lexsort((voxels, organs))[-1])


def _plane(image: StoredImage, label: Labels, size: tuple[int, int]) -> Image.Image:
  """One plane, resized to (width, height) in pixels, with contours."""
  grey = np.array(Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BILINEAR))
  values = np.array(Image.fromarray(np.ascontiguousarray(label)).resize(size, Image.Resampling.NEAREST))
  picture: Picture = np.repeat(grey[:, :, None], 3, axis=2)
  for value in np.flatnonzero(np.bincount(values.ravel(), minlength=2)).tolist():
    if value not in (0, IGNORE):
      picture[_border(values == value)] = organ_colour(value)
  return Image.fromarray(picture)


def _border(mask: Mask) -> Mask:
  """The pixels of a mask that have one outside of it beside them."""
  padded = np.pad(mask, 1)
  inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
  border: Mask = mask & ~inner
  return border
