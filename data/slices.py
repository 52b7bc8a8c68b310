"""Draws 2-D slices of a set of cases, without replacement within an epoch, by random access."""
from __future__ import annotations

import dataclasses
import functools

import numpy as np

from data.augment import crop_transform
from data.organs import IGNORE
from data.store import StoredCase

SLICE_AXIS = {"axial": 0, "coronal": 1, "sagittal": 2}  # of arrays [z, y, x]


@dataclasses.dataclass(frozen=True)
class Cropping:
  """How a crop is cut from a slice.

  Attributes:
    view: axial, coronal or sagittal.
    slices_per_input: odd; neighbouring slices become channels, the middle one is labelled.
    crop_size: pixels.
    canvas_size: side of the square handed to the transform (augment.canvas_size).
    scales: one is chosen for each crop.
    max_rotation_degrees: the angle is uniform in [0, this].
  """
  view: str
  slices_per_input: int
  crop_size: int
  canvas_size: int
  scales: tuple[float, ...]
  max_rotation_degrees: float


class SliceSampler:
  """Example number n of a set of cases, a pure function of (seed, n).

  Every slice of every case is drawn once an epoch, in an order that the seed and the epoch decide, so that training
  can start at any step without replaying the steps before.
  """

  def __init__(self, cases: tuple[StoredCase, ...], cropping: Cropping, seed: int):
    self._cases = cases
    self._cropping = cropping
    self._seed = seed
    axis = SLICE_AXIS[cropping.view]
    self._images = [np.moveaxis(case.image(), axis, 0) for case in cases]
    self._labels = [np.moveaxis(case.label(), axis, 0) for case in cases]
    self._ends = np.cumsum([len(image) for image in self._images])

  def __len__(self):
    """Slices in an epoch."""
    return int(self._ends[-1])

  def example(self, number):
    """Draws one example.

    Returns:
      (case index, image uint8 [side, side, channels], label uint8 [side, side], transform float32 [8]).
    """
    epoch, place = divmod(int(number), len(self))
    flat = _order(self._seed, epoch, len(self))[place]
    case = int(np.searchsorted(self._ends, flat, side="right"))
    index = int(flat - (self._ends[case - 1] if case else 0))
    rng = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, 0, 0, int(number)]))
    return (case, *self._cut(case, index, rng))

  def _cut(self, case, index, rng):
    cropping, image, label = self._cropping, self._images[case], self._labels[case]
    size = label.shape[1:]
    angle = np.radians(rng.uniform(0, cropping.max_rotation_degrees))
    scale = cropping.scales[rng.integers(len(cropping.scales))]
    centre = [_crop_centre(rng, n, cropping.crop_size / scale) for n in size]
    transform = crop_transform(angle, scale, cropping.crop_size, centre, size)
    corner = _canvas_corner(transform, cropping.crop_size, cropping.canvas_size, size)
    rows, cols = (slice(start, start + cropping.canvas_size) for start in corner)
    half = cropping.slices_per_input // 2
    neighbours = np.clip(np.arange(index - half, index + half + 1), 0, len(image) - 1)
    cut = np.stack([image[neighbour, rows, cols] for neighbour in neighbours], axis=-1)
    canvas_image = np.zeros((cropping.canvas_size,) * 2 + (cropping.slices_per_input,), np.uint8)
    canvas_label = np.full((cropping.canvas_size,) * 2, IGNORE, np.uint8)
    canvas_image[:cut.shape[0], :cut.shape[1]] = cut
    canvas_label[:cut.shape[0], :cut.shape[1]] = label[index, rows, cols]
    transform[2] -= corner[1]
    transform[5] -= corner[0]
    return canvas_image, canvas_label, transform


@functools.lru_cache(maxsize=8)
def _order(seed, epoch, count):
  return np.random.default_rng([seed, epoch]).permutation(count)


def _crop_centre(rng, size, extent):
  """Uniform among the places where crop and image lie inside one another, whichever is larger."""
  low, high = sorted((extent / 2, size - extent / 2))
  return rng.uniform(low, high) - 0.5


def _canvas_corner(transform, crop_size, canvas, size):
  """The first row and column of the part of the image around the crop's middle."""
  half = (crop_size - 1) / 2
  col = transform[0] * half + transform[1] * half + transform[2]
  row = transform[3] * half + transform[4] * half + transform[5]
  return [int(np.clip(round(float(at) - canvas / 2), 0, max(0, n - canvas))) for at, n in zip((row, col), size)]
