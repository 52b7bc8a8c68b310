"""Samples 3-D patches of a set of cases, every case equally often, by random access."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

import numpy as np

from data.allowed import require_range
from data.arrays import Floats, Labels, StoredImage
from data.batches import augment
from data.batches.augment import Canvas, Example, Transform
from data.batches.random_access import generator, opener, shuffled
from data.organs import IGNORE
from data.stored.store import StoredCase

Voxel = tuple[int, int, int]
"""(z, y, x)."""


@dataclasses.dataclass(frozen=True)
class PatchSampling:
  """How patches are sampled.

  Attributes:
    scales: all above 0; one is chosen for each patch, in-plane. The z axis keeps its scale.
    max_rotation_degrees: the angle in the axial plane is uniform in [0, this]; at most 45.
    patch_size: voxels (z, y, x), all above 0.
    organ_fraction: share of the patches placed around a voxel of an organ, in [0, 1]: first an organ of those
      in the label map is chosen, then a voxel of it. The others lie anywhere in the volume.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  scales: tuple[float, ...] = augment.SCALES
  max_rotation_degrees: float = augment.MAX_ROTATION_DEGREES
  patch_size: tuple[int, int, int] = (64, 64, 64)
  organ_fraction: float = 0.5

  def __post_init__(self) -> None:
    augment.require_movement(self.scales, self.max_rotation_degrees)
    if len(self.patch_size) != 3 or min(self.patch_size) < 1:
      sizes = ",".join(map(str, self.patch_size))
      raise ValueError(f"patch_size={sizes}: must be three sizes (z,y,x) in voxels, each at least 1")
    require_range("organ_fraction", self.organ_fraction, 0, 1)


class OrganVoxels:
  """Draws random voxels of a label map's organs.

  The voxels of each organ are counted slice by slice once; each draw then looks at a single slice.

  Attributes:
    organs: the label values that occur, ascending, without background and IGNORE.
  """

  def __init__(self, label: Labels) -> None:
    """Reads the whole of a label map, uint8 [z, y, x]."""
    counts = np.stack([np.bincount(part.ravel(), minlength=IGNORE + 1) for part in label])
    self.organs = [int(value) for value in np.flatnonzero(counts.sum(axis=0)) if value not in (0, IGNORE)]
    self._up_to = {organ: np.cumsum(counts[:, organ]) for organ in self.organs}

  def draw(self, label: Labels, organ: int, rng: np.random.Generator) -> Voxel:
    """A voxel of `organ`, each equally likely; `label` is the map that was counted."""
    up_to = self._up_to[organ]
    rank = rng.integers(up_to[-1])
    z = int(np.searchsorted(up_to, rank, side="right"))
    flat = np.flatnonzero(label[z] == organ)[rank - (up_to[z - 1] if z else 0)]
    y, x = divmod(int(flat), label.shape[2])
    return z, y, x


class PatchSampler:
  """Example number n of a set of cases, a pure function of (seed, n).

  Every case is visited once an epoch, in an order that seed and epoch decide. If cases were drawn in
  proportion to their voxels, a few whole-body scans would crowd out the others.
  """

  def __init__(
    self,
    cases: tuple[StoredCase, ...],
    sampling: PatchSampling,
    seed: int,
    focus: tuple[Collection[int], ...] = (),
  ) -> None:
    """Prepares the sampling; a label map is counted when a patch around one of its organs is first wanted.

    Args:
      focus: sets of label values. If there are any, each patch around an organ first takes one of the sets at
        random, and then an organ of that set alone.
    """
    self._open = opener(cases)
    self._count = len(cases)
    self._sampling = sampling
    self._seed = seed
    self._focus = focus
    self._organ_voxels: dict[int, OrganVoxels] = {}
    largest = max(size for case in cases for size in case.shape[1:])
    self._canvas = augment.canvas_size(
      max(sampling.patch_size[1:]), sampling.scales, sampling.max_rotation_degrees, largest
    )

  def __len__(self) -> int:
    """Examples in an epoch: one of each case."""
    return self._count

  @property
  def crop_shapes(self) -> tuple[list[int], list[int]]:
    """Shapes of a patch's image and label."""
    return [*self._sampling.patch_size, 1], [*self._sampling.patch_size]

  def example(self, number: int) -> Example:
    """Draws one example, of a patch: image and label [patch depth, rows, columns]."""
    number = int(number)
    epoch, position = divmod(number, self._count)
    case = int(shuffled(self._count, self._seed, epoch)[position])
    rng = generator(self._seed, number)
    image, label = self._open(case)
    voxel = self._organ_voxel(case, label, rng) if rng.uniform() < self._sampling.organ_fraction else None
    return Example(case, *self._cut(image, label, voxel, rng))

  def voxels(self, example: Example) -> Floats:
    """Where each voxel of the example's patch lies in its case: [z, y, x, 3], (z, y, x) in voxels."""
    depth, *in_plane = self._sampling.patch_size
    points = augment.canvas_points(example.transform, in_plane) + example.corner[1:]
    slices = np.arange(example.corner[0], example.corner[0] + depth)
    return np.stack([np.insert(points, 0, z, axis=-1) for z in slices])

  def crop(self, example: Example) -> tuple[Floats, Labels]:
    """Cuts an example's patch.

    Returns:
      (float32 [z, y, x, 1] in [0, 255], uint8 [z, y, x]).
    """
    image, label = augment.crop(
      example.image, example.label, example.transform, self._sampling.patch_size[1:]
    )
    return image[..., None], label

  def _organ_voxel(self, case: int, label: Labels, rng: np.random.Generator) -> Voxel | None:
    """A voxel to lay the patch around, or None if the case has none of the organs wanted."""
    if case not in self._organ_voxels:
      self._organ_voxels[case] = OrganVoxels(label)
    voxels = self._organ_voxels[case]
    organs = voxels.organs
    if self._focus:
      wanted = self._focus[rng.integers(len(self._focus))]
      organs = [organ for organ in organs if organ in wanted]
    return voxels.draw(label, organs[rng.integers(len(organs))], rng) if organs else None

  def _cut(
    self, image: StoredImage, label: Labels, voxel: Voxel | None, rng: np.random.Generator
  ) -> tuple[Canvas, Canvas, Transform, tuple[int, int, int]]:
    sampling, patch = self._sampling, self._sampling.patch_size
    angle = np.radians(rng.uniform(0, sampling.max_rotation_degrees))
    scale = sampling.scales[rng.integers(len(sampling.scales))]
    scales, targets = (1.0, scale, scale), voxel or (None,) * 3
    first = [_first(rng, size, n / s, at) for size, n, s, at in zip(label.shape, patch, scales, targets)]
    pins = [_pin(start, n, s, at) for start, n, s, at in zip(first, patch, scales, targets)]
    pixel, anchor = zip(*pins[1:])
    transform = augment.turn_about(angle, scale, pixel, anchor)
    part = augment.onto_canvas(transform, patch[1:], self._canvas, label.shape[1:])
    return (
      self._canvas_of(image, first[0], part, fill=0),
      self._canvas_of(label, first[0], part, fill=IGNORE),
      part.transform,
      (first[0], part.rows.start, part.columns.start),
    )

  def _canvas_of(
    self, volume: StoredImage | Labels, first: int, part: augment.CanvasPart, fill: int
  ) -> Canvas:
    """The part of the volume's slices from `first` on; `fill` where the volume does not reach."""
    depth = self._sampling.patch_size[0]
    cut = volume[max(first, 0) : first + depth, part.rows, part.columns]
    canvas = np.full((depth, *cut.shape[1:]), fill, np.uint8)
    start = max(-first, 0)
    canvas[start : start + len(cut)] = cut
    return canvas


def _first(rng: np.random.Generator, size: int, extent: float, voxel: int | None) -> int:
  """The voxel that a patch starts at along one axis; below 0 where the patch reaches beyond a smaller volume.

  Of patch and volume, whichever is smaller lies within the other. The start is a whole voxel, so that a patch
  that is neither turned nor scaled is not interpolated.

  Args:
    size: voxels of the volume.
    extent: voxels of the volume that the patch spans.
    voxel: the one to have in the middle as far as that is possible; None for a random start.
  """
  low, high = sorted((0, size - extent))
  low, high = math.ceil(low), math.floor(high)
  if voxel is None:
    return int(rng.integers(low, high + 1))
  return int(np.clip(round(voxel + 0.5 - extent / 2), low, high))


def _pin(first: int, patch: int, scale: float, voxel: int | None) -> tuple[float, float]:
  """(pixel of the patch, point of the volume) along one axis, about which the patch is turned.

  The voxel of an organ, if there is one, which then stays in the patch at any angle; else the patch's middle.

  Args:
    first: the voxel of the volume that the patch starts at.
    patch: pixels of the patch.
  """
  if voxel is None:
    return (patch - 1) / 2, first - 0.5 + patch / scale / 2
  return min(max(round((voxel + 0.5 - first) * scale - 0.5), 0), patch - 1), voxel
