"""Slices taken out of a volume and brought to other pixels, in a TensorFlow graph."""

from __future__ import annotations

import tensorflow as tf

from data.stored import preprocess

_SAME_MM = 1e-3  # relative difference below which two spacings are the same


def spacing_ratios(wanted_mm, spacing_mm):
  """Per axis, the network's spacing over the volume's: float64 scalars, exactly 1 where they are the same.

  Args:
    wanted_mm: (z, y, x) of the network; None where it takes the volume's own.
    spacing_mm: float32 [3] of the volume.
  """
  one, ratios = tf.constant(1.0, tf.float64), []
  for axis in range(3):
    ratio = one if wanted_mm[axis] is None else wanted_mm[axis] / tf.cast(spacing_mm[axis], tf.float64)
    ratios.append(tf.where(tf.abs(ratio - 1.0) < _SAME_MM, one, ratio))
  return ratios


def reach(first, last, ratio, size):
  """(low, high): the voxels low … high - 1 of an axis of `size` are all that interpolating from `first` to
  `last` looks at.

  first, last, ratio: float64 coordinates and as in preprocess.weights.
  """
  width = tf.maximum(ratio, 1.0)
  low = tf.cast(tf.floor(first - width), tf.int32) + 1
  high = tf.cast(tf.math.ceil(last + width), tf.int32)
  return tf.maximum(low, 0), tf.minimum(high, size)


def slices_at(volume, axis, prepare, centres, ratio):
  """Slices of a volume interpolated at any coordinates.

  Args:
    volume: [z, y, x], of any type that `prepare` takes.
    axis: across the slices.
    prepare: as in SlabSegmenter._slabs.
    centres: float64 [n], along the axis.
    ratio: as in preprocess.weights.
  Returns:
    float32 [n, rows, columns].
  """
  low, high = reach(tf.reduce_min(centres), tf.reduce_max(centres), ratio, tf.shape(volume)[axis])
  part = prepare({0: volume[low:high], 1: volume[:, low:high], 2: volume[:, :, low:high]}[axis])
  slices = tf.transpose(part, {0: [0, 1, 2], 1: [1, 0, 2], 2: [2, 0, 1]}[axis])
  return tf.tensordot(preprocess.weights(centres, tf.range(low, high), ratio), slices, 1)


def resample_side(images, axis, size_out, ratio):
  """Resamples axis 1 or 2 of [n, h, w] or [n, h, w, channels] to `size_out`; untouched where the ratio is
  1."""
  return tf.cond(
    tf.equal(ratio, 1.0),
    lambda: images,
    lambda: along_axis(preprocess.axis_matrix(tf.shape(images)[axis], size_out, ratio), images, axis),
  )


def along_axis(matrix, images, axis):
  """The matrix [out, in] applied to axis 1 or 2 of [n, h, w] or [n, h, w, channels]."""
  if axis == images.shape.rank - 1:
    return tf.matmul(images, matrix, transpose_b=True)
  # one product over all that follows the axis: einsum would transpose the channels out of their place and
  # back
  shape = tf.shape(images)
  rows = tf.reshape(images, [tf.reduce_prod(shape[:axis]), shape[axis], tf.reduce_prod(shape[axis + 1 :])])
  return tf.reshape(
    tf.matmul(matrix, rows), tf.concat([shape[:axis], tf.shape(matrix)[:1], shape[axis + 1 :]], 0)
  )
