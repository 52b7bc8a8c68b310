"""3-D networks applied to volumes by overlapping windows, in NumPy: VolumeSegmenter without TensorFlow."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Labels, WantedSpacingMM
from data.signals import stops
from deeplab_panns.portable.resampling import (
  along_axis,
  positions,
  reach,
  resample_side,
  resampled_size,
  slices_at,
  spacing_ratios,
  weights,
)
from deeplab_panns.portable.slices import SLAB, Network


@dataclasses.dataclass(frozen=True)
class WindowGrid:
  """How a 3-D network expects its windows.

  Attributes:
    window_hu: (low, high), which becomes [0, 255].
    spacing_mm: (z, y, x) of training; None where training kept each volume's own.
    patch_size: voxels (z, y, x) of a window.
    overlap: the share of a window's side that it has in common with the next window, in [0, 1).
  """

  window_hu: tuple[float, float]
  spacing_mm: WantedSpacingMM
  patch_size: tuple[int, int, int]
  overlap: float


def window_starts(size: int, patch: int, overlap: float) -> list[int]:
  """The first voxel of each window along an axis; `size` is at least `patch`, and the last window ends with
  the axis."""
  step = max(1, round(patch * (1 - overlap)))
  return [min(number * step, size - patch) for number in range(1 + math.ceil((size - patch) / step))]


def window_shares(starts: Sequence[int], patch: int, size: int) -> Floats:
  """Each window's share of the weight at its voxels along an axis, float32 [windows, patch]; at every voxel
  they sum to 1. The weight is a Gaussian of sigma patch / 8 around the window's middle."""
  gaussian = np.exp(-0.5 * ((np.arange(patch) - (patch - 1) / 2) / (patch / 8)) ** 2).astype(np.float32)
  total = np.zeros(size, np.float32)
  for start in starts:
    total[start : start + patch] += gaussian
  return np.stack([gaussian / total[start : start + patch] for start in starts])


class _Axis:
  """An axis with its voxels on the volume's grid, and others on the network's."""

  def __init__(self, size: int, ratio: float, patch: int, overlap: float) -> None:
    self.size, self.ratio, self.patch = size, ratio, patch
    self.network_size = resampled_size(size, ratio)
    self.padded = max(self.network_size, patch)
    self.starts = window_starts(self.padded, patch, overlap)
    self.shares = window_shares(self.starts, patch, self.padded)

  def back(self, first: int) -> tuple[int, int, Floats]:
    """(low, high, matrix [SLAB or fewer, high - low]): how the volume's voxels from `first` on are made of
    the network's voxels low … high - 1."""
    indices = np.arange(first, min(first + SLAB, self.size))
    centres = positions(indices, self.size, self.network_size, 1.0 / self.ratio)
    low, high = reach(centres[0], centres[-1], 1.0 / self.ratio, self.network_size)
    return low, high, weights(centres, np.arange(low, high), 1.0 / self.ratio)


class WindowLabeller:
  """A 3-D network applied to overlapping windows of a volume, whose probabilities are blended.

  Rows of windows follow one another along z. Of all K + 1 channels, memory holds the planes on the network's
  grid that a later row adds to, and one slab on the volume's grid.
  """

  def __init__(self, network: Network, grid: WindowGrid, class_count: int) -> None:
    self._network = network
    self._grid = grid
    self._class_count = class_count

  def labels(self, volume: npt.NDArray[Any], spacing_mm: Sequence[float]) -> dict[str, Labels]:
    """{"labels": uint8 [z, y, x]}, as SliceLabeller.labels."""
    labels = np.empty(volume.shape, np.uint8)
    for first, slab in self._slabs(volume, spacing_mm):
      labels[first : first + len(slab)] = slab.argmax(axis=-1)
    return {"labels": labels}

  def probabilities(self, volume: npt.NDArray[Any], spacing_mm: Sequence[float]) -> dict[str, Any]:
    """As `labels`, but {"probabilities": float16 [z, y, x, K + 1]}, which may be several GB."""
    slabs = [slab.astype(np.float16) for _, slab in self._slabs(volume, spacing_mm)]
    return {"probabilities": np.concatenate(slabs)}

  def _slabs(self, volume: npt.NDArray[Any], spacing_mm: Sequence[float]) -> Iterator[tuple[int, Floats]]:
    """(first slice, probabilities [slices, rows, columns, K + 1]) on the volume's grid."""
    ratios = spacing_ratios(self._grid.spacing_mm, spacing_mm)
    axes = [
      _Axis(size, ratio, patch, self._grid.overlap)
      for size, ratio, patch in zip(volume.shape, ratios, self._grid.patch_size)
    ]
    z, y, x = axes
    sums, bottom, first = np.zeros([0, y.padded, x.padded, self._class_count], np.float32), 0, 0
    for row, start in enumerate(z.starts):
      missing = start + z.patch - bottom - len(sums)
      sums = np.concatenate([sums, np.zeros([missing, *sums.shape[1:]], np.float32)])
      self._add_row(sums[start - bottom :], volume, axes, row)
      finished = z.starts[row + 1] if row + 1 < len(z.starts) else z.padded
      while first < z.size:
        low, high, matrix = z.back(first)
        if high > finished:
          break
        slab = along_axis(matrix, sums[low - bottom : high - bottom, : y.network_size, : x.network_size], 0)
        slab = resample_side(slab, 1, y.size, 1.0 / y.ratio)
        yield first, resample_side(slab, 2, x.size, 1.0 / x.ratio)
        first += SLAB
      keep = min(z.back(first)[0], finished) if first < z.size else finished
      sums, bottom = sums[keep - bottom :], keep

  def _add_row(self, sums: Floats, volume: npt.NDArray[Any], axes: Sequence[_Axis], row: int) -> None:
    """Adds a row of windows to the planes that it covers, [patch z, y, x, K + 1]."""
    z, y, x = axes
    image = self._row_image(volume, axes, z.starts[row])
    columns = list(itertools.product(range(len(y.starts)), range(len(x.starts))))
    for step, column in columns:
      stops.heed()
      rows = slice(y.starts[step], y.starts[step] + y.patch)
      cols = slice(x.starts[column], x.starts[column] + x.patch)
      probabilities = self._network(np.ascontiguousarray(image[None, :, rows, cols, None]))[0]
      shares = z.shares[row][:, None, None] * y.shares[step][:, None] * x.shares[column]
      sums[: z.patch, rows, cols] += probabilities * shares[..., None]

  def _row_image(self, volume: npt.NDArray[Any], axes: Sequence[_Axis], start: int) -> Floats:
    """The planes that a row of windows covers, padded with 0: whole numbers, float32 [patch z, y', x']."""
    z, y, x = axes
    image = np.zeros([z.patch, y.padded, x.padded], np.float32)
    last = min(start + z.patch, z.network_size)
    for first in range(start, last, SLAB):  # one plane of the network's grid may take many of the volume
      planes = np.arange(first, min(first + SLAB, last))
      centres = positions(planes, z.network_size, z.size, z.ratio)
      part = slices_at(volume, 0, self._grid.window_hu, centres, z.ratio)
      part = resample_side(resample_side(part, 1, y.network_size, y.ratio), 2, x.network_size, x.ratio)
      image[first - start : first - start + len(part), : y.network_size, : x.network_size] = np.round(part)
    return image
