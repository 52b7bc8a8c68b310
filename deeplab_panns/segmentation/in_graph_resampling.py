"""Slices cut from a volume and resampled to another grid, in a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from data.arrays import WantedSpacingMM
from data.stored import preprocess

_SAME_MM = 1e-3  # relative difference below which two spacings count as the same


def require_wanted_spacing(spacing_mm: WantedSpacingMM) -> None:
  """Raises ValueError unless the spacing has three entries (z, y, x), each None or above 0."""
  if len(spacing_mm) != 3 or not all(value is None or value > 0 for value in spacing_mm):
    raise ValueError(f"spacing_mm={spacing_mm}: must be three entries (z, y, x), each None or above 0")


def spacing_ratios(wanted_mm: WantedSpacingMM, spacing_mm: tf.Tensor) -> list[tf.Tensor]:
  """The network's spacing divided by the volume's, along each axis.

  Args:
    wanted_mm: (z, y, x) of the network; None where it takes the volume's own.
    spacing_mm: float32 [3], (z, y, x) of the volume.
  Returns:
    Three float64 scalars (z, y, x), exactly 1 where the two spacings are the same.
  """
  one, ratios = tf.constant(1.0, tf.float64), []
  for axis in range(3):
    ratio = one if wanted_mm[axis] is None else wanted_mm[axis] / tf.cast(spacing_mm[axis], tf.float64)
    ratios.append(tf.where(tf.abs(ratio - 1.0) < _SAME_MM, one, ratio))
  return ratios


def reach(
  first: tf.Tensor, last: tf.Tensor, ratio: tf.Tensor, size: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """The voxels of an axis that interpolation between two coordinates reads.

  Args:
    first, last: float64 coordinates on the axis; 0 is the centre of voxel 0.
    ratio: as in preprocess.weights.
    size: voxels of the axis.
  Returns:
    (low, high), int32: it reads the voxels low … high - 1 and no others.
  """
  width = tf.maximum(ratio, 1.0)
  low = tf.cast(tf.floor(first - width), tf.int32) + 1
  high = tf.cast(tf.math.ceil(last + width), tf.int32)
  return tf.maximum(low, 0), tf.minimum(high, size)


def slices_at(
  volume: tf.Tensor,
  axis: int,
  prepare: Callable[[tf.Tensor], tf.Tensor],
  centres: tf.Tensor,
  ratio: tf.Tensor,
) -> tf.Tensor:
  """Slices of a volume interpolated at arbitrary coordinates.

  Args:
    volume: [z, y, x], of any type that `prepare` takes.
    axis: the axis across the slices.
    prepare: maps the slices that are needed to float32; it is applied before interpolation.
    centres: float64 [n], coordinates along the axis.
    ratio: as in preprocess.weights.
  Returns:
    float32 [n, rows, columns].
  """
  low, high = reach(tf.reduce_min(centres), tf.reduce_max(centres), ratio, tf.shape(volume)[axis])
  part = prepare({0: volume[low:high], 1: volume[:, low:high], 2: volume[:, :, low:high]}[axis])
  slices = tf.transpose(part, {0: [0, 1, 2], 1: [1, 0, 2], 2: [2, 0, 1]}[axis])
  return tf.tensordot(preprocess.weights(centres, tf.range(low, high), ratio), slices, 1)


def resample_side(images: tf.Tensor, axis: int, size_out: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
  """Resamples axis 1 or 2 of [n, h, w] or [n, h, w, channels] to `size_out` pixels; the images are returned
  unchanged where the ratio is 1."""
  return tf.cond(
    tf.equal(ratio, 1.0),
    lambda: images,
    lambda: along_axis(preprocess.axis_matrix(tf.shape(images)[axis], size_out, ratio), images, axis),
  )


def along_axis(matrix: tf.Tensor, images: tf.Tensor, axis: int) -> tf.Tensor:
  """The matrix [out, in] applied to axis 1 or 2 of [n, h, w] or [n, h, w, channels]."""
  if axis == images.shape.rank - 1:
    return tf.matmul(images, matrix, transpose_b=True)
  # One product over everything behind the axis: einsum would transpose the channels to the front and back
  # again.
  shape = tf.shape(images)
  rows = tf.reshape(images, [tf.reduce_prod(shape[:axis]), shape[axis], tf.reduce_prod(shape[axis + 1 :])])
  return tf.reshape(
    tf.matmul(matrix, rows), tf.concat([shape[:axis], tf.shape(matrix)[:1], shape[axis + 1 :]], 0)
  )
