"""2-D networks applied to whole volumes, slice by slice, in NumPy: SliceSegmenter without TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Labels, WantedSpacingMM
from data.signals import stops
from deeplab_panns.portable.resampling import resample_side, resampled_size, slices_at, spacing_ratios

SLAB = 8  # slices in flight, as in TensorFlow: they bound the memory
AXES = {"axial": 0, "coronal": 1, "sagittal": 2}

Network = Callable[[Floats], Floats]
"""Images in [0, 255], float32 [n, ..., channels], to probabilities, float32 [n, ..., K + 1]."""


@dataclasses.dataclass(frozen=True)
class SliceGrid:
  """How a 2-D network expects its slices.

  Attributes:
    window_hu: (low, high), which becomes [0, 255].
    spacing_mm: (z, y, x) of training; None where training kept each volume's own.
    view: axial, coronal or sagittal.
    slices_per_input: neighbouring slices are the channels, and the middle one is labelled.
  """

  window_hu: tuple[float, float]
  spacing_mm: WantedSpacingMM
  view: str
  slices_per_input: int


class SliceLabeller:
  """A 2-D network applied to every slice of a volume; memory holds the volume, its labels and one slab."""

  def __init__(self, network: Network, grid: SliceGrid) -> None:
    self._network = network
    self._grid = grid
    self._axis = AXES[grid.view]

  def labels(self, volume: npt.NDArray[Any], spacing_mm: Sequence[float]) -> dict[str, Labels]:
    """The class of every voxel.

    Args:
      volume: [z, y, x] in HU; x grows to the patient's left, y to posterior, z to superior (LPS).
      spacing_mm: (z, y, x).
    Returns:
      {"labels": uint8 [z, y, x]}: 0 is background, 1 + i is the organ at index i of the organ list.
    """
    labels = np.empty(np.moveaxis(volume, self._axis, 0).shape, np.uint8)
    for first, slab in self._slabs(volume, spacing_mm):
      labels[first : first + len(slab)] = slab.argmax(axis=-1)
    return {"labels": np.moveaxis(labels, 0, self._axis)}

  def probabilities(self, volume: npt.NDArray[Any], spacing_mm: Sequence[float]) -> dict[str, Any]:
    """As `labels`, but {"probabilities": float16 [z, y, x, K + 1]}, which may be several GB."""
    slabs = [slab.astype(np.float16) for _, slab in self._slabs(volume, spacing_mm)]
    return {"probabilities": np.moveaxis(np.concatenate(slabs), 0, self._axis)}

  def _slabs(self, volume: npt.NDArray[Any], spacing_mm: Sequence[float]) -> Iterator[tuple[int, Floats]]:
    """(first slice, probabilities [slices, rows, columns, K + 1]) on the volume's grid."""
    ratios = spacing_ratios(self._grid.spacing_mm, spacing_mm)
    sides = [side for side in range(3) if side != self._axis]
    depth = volume.shape[self._axis]
    for first in range(0, depth, SLAB):
      stops.heed()
      # the last slice is repeated: every batch is of one size
      indices = np.minimum(first + np.arange(SLAB), depth - 1)
      probabilities = self._network(self._inputs(volume, indices, ratios))[: depth - first]
      for image_axis, side in enumerate(sides, 1):
        probabilities = resample_side(probabilities, image_axis, volume.shape[side], 1.0 / ratios[side])
      yield first, probabilities

  def _inputs(self, volume: npt.NDArray[Any], indices: npt.NDArray[Any], ratios: Sequence[float]) -> Floats:
    """The network's input: float32 [SLAB, h', w', channels], whole numbers in [0, 255]."""
    channels, ratio = self._grid.slices_per_input, ratios[self._axis]
    offsets = (np.arange(channels) - channels // 2) * ratio
    centres = (indices[:, None] + offsets[None, :]).ravel()
    centres = np.clip(centres, 0.0, volume.shape[self._axis] - 1.0)
    neighbours = slices_at(volume, self._axis, self._grid.window_hu, centres, ratio)
    sides = [side for side in range(3) if side != self._axis]
    for image_axis, side in enumerate(sides, 1):
      size_out = resampled_size(volume.shape[side], ratios[side])
      neighbours = resample_side(neighbours, image_axis, size_out, ratios[side])
    inputs = np.round(neighbours).reshape(SLAB, channels, *neighbours.shape[1:])
    return np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))
