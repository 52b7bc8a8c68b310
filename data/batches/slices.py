"""Samples 2-D slices of a set of cases, without replacement within an epoch, by random access."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.allowed import require_choice
from data.arrays import Floats, Labels, StoredImage
from data.batches import augment
from data.batches.augment import Canvas, Example, Transform
from data.batches.random_access import SetRounds, generator, opener, shuffled
from data.stored.store import StoredCase

SLICE_AXIS = {"axial": 0, "coronal": 1, "sagittal": 2}  # of arrays [z, y, x]
CASE_WEIGHTINGS = ("size", "equal", "root")
SMALLEST_CROP = 17  # pixels


@dataclasses.dataclass(frozen=True)
class SliceSampling:
  """How crops of slices are sampled.

  Attributes:
    view: a key of SLICE_AXIS: axial, coronal or sagittal.
    slices_per_input: odd; neighbouring slices become channels, the middle one is labelled.
    crop_size: side of the square crop in pixels, at least 17.
    scales: all above 0; one is chosen for each crop.
    max_rotation_degrees: the angle is uniform in [0, this]; at most 45.
    case_weighting: one of CASE_WEIGHTINGS: "size" visits every slice of all cases once an epoch, so that a
      case counts by its slices; "equal" visits every case equally often, for sets in which one scan would
      hold most of the slices; "root" visits each set of n cases that annotate the same organs in proportion
      to √n (`SetRounds`), for sets of very different size.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  view: str = "axial"
  slices_per_input: int = 3
  crop_size: int = 513
  scales: tuple[float, ...] = augment.SCALES
  max_rotation_degrees: float = augment.MAX_ROTATION_DEGREES
  case_weighting: str = "size"

  def __post_init__(self) -> None:
    require_choice("view", self.view, SLICE_AXIS)
    require_choice("case_weighting", self.case_weighting, CASE_WEIGHTINGS)
    if self.slices_per_input < 1:
      raise ValueError(f"slices_per_input={self.slices_per_input}: must be odd and at least 1")
    if self.slices_per_input % 2 == 0:
      raise ValueError(
        f"slices_per_input={self.slices_per_input}: must be odd, so that one slice is the middle"
      )
    if self.crop_size < SMALLEST_CROP:
      raise ValueError(f"crop_size={self.crop_size}: must be at least {SMALLEST_CROP} pixels")
    augment.require_movement(self.scales, self.max_rotation_degrees)


class SliceSampler:
  """Example number n of a set of cases, a pure function of (seed, n).

  Seed and epoch decide the order, so that training can start at any step without replaying the steps before.
  """

  def __init__(self, cases: tuple[StoredCase, ...], sampling: SliceSampling, seed: int) -> None:
    self._open = opener(cases)
    self._sampling = sampling
    self._seed = seed
    self._axis = SLICE_AXIS[sampling.view]
    in_plane = [size for case in cases for axis, size in enumerate(case.shape) if axis != self._axis]
    self._canvas = augment.canvas_size(
      sampling.crop_size, sampling.scales, sampling.max_rotation_degrees, max(in_plane)
    )
    self._counts = [case.shape[self._axis] for case in cases]
    self._ends = np.cumsum(self._counts)
    self._rounds = SetRounds([frozenset(case.annotated) for case in cases], seed)

  def __len__(self) -> int:
    """Examples in an epoch: as many as there are slices."""
    return int(self._ends[-1])

  @property
  def crop_shapes(self) -> tuple[list[int], list[int]]:
    """Shapes of a crop's image and label."""
    size = [self._sampling.crop_size] * 2
    return [*size, self._sampling.slices_per_input], size

  def example(self, number: int) -> Example:
    """Draws one example, of a slice: image [slices_per_input, rows, columns], label [1, rows, columns]."""
    number = int(number)
    case, index = self._pick(number)
    return Example(case, *self._cut(*self._open(case), index, generator(self._seed, number)))

  def voxels(self, example: Example) -> Floats:
    """Where each pixel of the example's crop lies in its case: [crop_size, crop_size, 3], (z, y, x) in
    voxels."""
    points = augment.canvas_points(example.transform, (self._sampling.crop_size,) * 2) + example.corner[1:]
    return np.insert(points, self._axis, example.corner[0], axis=-1)

  def crop(self, example: Example) -> tuple[Floats, Labels]:
    """Cuts an example's crop.

    Returns:
      (float32 [crop_size, crop_size, channels] in [0, 255], uint8 [crop_size, crop_size]).
    """
    size = (self._sampling.crop_size,) * 2
    image, label = augment.crop(example.image, example.label, example.transform, size, channels_last=True)
    return np.moveaxis(image, 0, -1), label[0]

  def _pick(self, number: int) -> tuple[int, int]:
    """(case, slice) of an example, both without replacement."""
    if self._sampling.case_weighting == "size":
      epoch, position = divmod(number, len(self))
      flat = shuffled(len(self), self._seed, epoch)[position]
      case = int(np.searchsorted(self._ends, flat, side="right"))
      return case, int(flat - (self._ends[case - 1] if case else 0))
    case, turn = self._pick_case(number)
    epoch, position = divmod(turn, self._counts[case])
    # 1 + case: a key that ends in 0 gives the same numbers as the key without the 0.
    return case, int(shuffled(self._counts[case], self._seed, epoch, 1 + case)[position])

  def _pick_case(self, number: int) -> tuple[int, int]:
    """(case, how often it has come before) of an example, where cases are drawn first."""
    if self._sampling.case_weighting == "root":
      return self._rounds.pick(number)
    turn, position = divmod(number, len(self._counts))
    return int(shuffled(len(self._counts), self._seed, turn)[position]), turn

  def _cut(
    self, stored_image: StoredImage, stored_label: Labels, index: int, rng: np.random.Generator
  ) -> tuple[Canvas, Canvas, Transform, tuple[int, int, int]]:
    sampling = self._sampling
    image, label = (np.moveaxis(array, self._axis, 0) for array in (stored_image, stored_label))
    size = label.shape[1:]
    angle = np.radians(rng.uniform(0, sampling.max_rotation_degrees))
    scale = sampling.scales[rng.integers(len(sampling.scales))]
    centre = [_crop_centre(rng, n, sampling.crop_size / scale) for n in size]
    transform = augment.crop_transform(angle, scale, sampling.crop_size, centre, size)
    rows, cols, transform = augment.onto_canvas(transform, (sampling.crop_size,) * 2, self._canvas, size)
    half = sampling.slices_per_input // 2
    neighbours = np.clip(np.arange(index - half, index + half + 1), 0, len(image) - 1)
    planes = np.stack([image[neighbour, rows, cols] for neighbour in neighbours])
    return planes, np.asarray(label[index, rows, cols])[None], transform, (index, rows.start, cols.start)


def _crop_centre(rng: np.random.Generator, size: int, extent: float) -> float:
  """A random coordinate of the crop's middle along one axis.

  Uniform over the positions at which one of crop and image, whichever is smaller, lies within the other.

  Args:
    size: pixels of the image.
    extent: pixels of the image that the crop spans.
  """
  low, high = sorted((extent / 2, size - extent / 2))
  return rng.uniform(low, high) - 0.5
