"""From HU to what a network reads, and back to the volume's own grid, in NumPy.

The same arithmetic as data/stored/preprocess.py and segmentation/in_graph_resampling.py have in TensorFlow;
tests hold the two to each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Integers, WantedSpacingMM

_SAME_MM = 1e-3  # relative difference below which two spacings count as the same


def window(image_hu: npt.NDArray[np.generic], window_hu: tuple[float, float]) -> Floats:
  """Scales HU of any shape to float32 in [0, 255]; what lies beyond the window becomes 0 or 255."""
  low, high = map(np.float32, window_hu)
  image = np.clip(image_hu.astype(np.float32), low, high)
  return (image - low) * np.float32(255.0 / float(high - low))


def spacing_ratios(wanted_mm: WantedSpacingMM, spacing_mm: Sequence[float]) -> list[float]:
  """The network's spacing divided by the volume's, along each axis (z, y, x).

  Args:
    wanted_mm: of the network; None where it takes the volume's own.
    spacing_mm: of the volume.
  Returns:
    Exactly 1 where the two spacings are the same.
  """
  ratios = [
    1.0 if wanted is None else wanted / float(np.float32(own)) for wanted, own in zip(wanted_mm, spacing_mm)
  ]
  return [1.0 if abs(ratio - 1.0) < _SAME_MM else ratio for ratio in ratios]


def resampled_size(size: int, ratio: float) -> int:
  """Voxels along an axis after resampling: as many as come nearest to the same extent, at least 1."""
  return max(1, round(size / ratio))


def positions(out_indices: Integers, size_out: int, size_in: int, ratio: float) -> npt.NDArray[np.float64]:
  """Where output voxels lie on the input axis, both grids having one centre; 0 is the centre of voxel 0."""
  centred = out_indices.astype(np.float64) - (size_out - 1.0) / 2.0
  return centred * ratio + (size_in - 1.0) / 2.0


def weights(centres: npt.NDArray[np.float64], in_indices: Integers, ratio: float) -> Floats:
  """Weights of input voxels for output voxels: linear interpolation, widened where the output is coarser.

  Args:
    centres: [out] input coordinates, from `positions`.
    in_indices: [in] whole numbers.
    ratio: output spacing / input spacing.
  Returns:
    [out, in] float32, each row summing to 1.
  """
  distance = np.abs(centres[:, None] - in_indices[None, :].astype(np.float64))
  triangle = np.maximum(1.0 - distance / max(ratio, 1.0), 0.0)
  return (triangle / triangle.sum(axis=1, keepdims=True)).astype(np.float32)


def reach(first: float, last: float, ratio: float, size: int) -> tuple[int, int]:
  """(low, high): interpolation between two coordinates of an axis reads its voxels low … high - 1."""
  width = max(ratio, 1.0)
  return max(int(np.floor(first - width)) + 1, 0), min(int(np.ceil(last + width)), size)


def slices_at(
  volume: npt.NDArray[np.generic],
  axis: int,
  window_hu: tuple[float, float],
  centres: npt.NDArray[np.float64],
  ratio: float,
) -> Floats:
  """Slices of a volume in HU, windowed and then interpolated at arbitrary coordinates along an axis.

  Args:
    volume: [z, y, x].
    centres: [n], coordinates along the axis.
    ratio: as in `weights`.
  Returns:
    float32 [n, rows, columns] in [0, 255].
  """
  low, high = reach(centres.min(), centres.max(), ratio, volume.shape[axis])
  part = window(np.moveaxis(volume, axis, 0)[low:high], window_hu)
  matrix = weights(centres, np.arange(low, high), ratio)
  slices: Floats = (matrix @ part.reshape(len(part), -1)).reshape(-1, *part.shape[1:])
  return slices


def resample_side(images: Floats, axis: int, size_out: int, ratio: float) -> Floats:
  """Resamples axis 1 or 2 of [n, h, w] or [n, h, w, channels] to `size_out` pixels; the images are returned
  unchanged where the ratio is 1."""
  if ratio == 1.0:
    return images
  size_in = images.shape[axis]
  centres = positions(np.arange(size_out), size_out, size_in, ratio)
  return along_axis(weights(centres, np.arange(size_in), ratio), images, axis)


def along_axis(matrix: Floats, images: Floats, axis: int) -> Floats:
  """The matrix [out, in] applied to axis 0, 1 or 2 of the images."""
  before, after = images.shape[:axis], images.shape[axis + 1 :]
  rows = images.reshape(int(np.prod(before)), images.shape[axis], int(np.prod(after)))
  resampled: Floats = np.matmul(matrix, rows).reshape(*before, len(matrix), *after)
  return resampled
