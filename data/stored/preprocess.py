"""From HU to what the network reads: window and resampling, alike for store, prediction and SavedModel.

Written in TensorFlow, so that the exported graph holds the very operations that made the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from data.arrays import Affine, ImageHU, Labels, SpacingMM, StoredImage
from data.value_counts import values_of

WINDOW_HU = (-125.0, 275.0)  # the paper's
SLAB_VOXELS = 1 << 23  # 32 MB as float32
Part = tuple[slice, slice]


def window(image_hu: tf.Tensor) -> tf.Tensor:
  """Scales HU of any shape to float32 in [0, 255]; what lies beyond WINDOW_HU becomes 0 or 255."""
  low, high = WINDOW_HU
  return (tf.clip_by_value(tf.cast(image_hu, tf.float32), low, high) - low) * (255.0 / (high - low))


def resampled_size(size: tf.Tensor, spacing_mm: tf.Tensor, target_mm: tf.Tensor) -> tf.Tensor:
  """Voxels along an axis after resampling: as many as come nearest to the same extent, at least 1.

  All three are scalars or tensors of one shape; returns int32 of that shape.
  """
  extent = tf.cast(size, tf.float64) * tf.cast(spacing_mm, tf.float64)
  return tf.maximum(1, tf.cast(tf.round(extent / tf.cast(target_mm, tf.float64)), tf.int32))


def positions(out_indices: tf.Tensor, size_out: tf.Tensor, size_in: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
  """Where output voxels lie on the input axis, both grids having one centre.

  Args:
    out_indices: any shape, whole numbers.
    size_out, size_in: voxels along the axis.
    ratio: output spacing / input spacing.
  Returns:
    float64 input coordinates, 0 being the centre of voxel 0.
  """
  middle_out = (tf.cast(size_out, tf.float64) - 1.0) / 2.0
  middle_in = (tf.cast(size_in, tf.float64) - 1.0) / 2.0
  return (tf.cast(out_indices, tf.float64) - middle_out) * tf.cast(ratio, tf.float64) + middle_in


def resampled_affine(
  affine: Affine,
  shape: Sequence[int],
  new_shape: Sequence[int],
  spacing_mm: SpacingMM,
  target_mm: SpacingMM,
) -> Affine:
  """The affine of the grid that `resample` makes, which has the old grid's centre.

  Args:
    affine: [4, 4], voxel (x, y, z) to RAS mm.
    shape, new_shape: voxels (z, y, x) before and after.
    spacing_mm, target_mm: (z, y, x).
  Returns:
    [4, 4] float64, new voxel (x, y, z) to RAS mm.
  """
  scale = np.array([new / old for new, old in zip(target_mm, spacing_mm)])[::-1]
  origin_in_old_voxels = (np.array(shape)[::-1] - 1) / 2 - (np.array(new_shape)[::-1] - 1) / 2 * scale
  resampled = np.array(affine, np.float64)
  resampled[:3, 3] = resampled[:3, :3] @ origin_in_old_voxels + resampled[:3, 3]
  resampled[:3, :3] = resampled[:3, :3] * scale
  return resampled


def weights(centres: tf.Tensor, in_indices: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
  """Weights of input voxels for output voxels: linear interpolation, widened where the output is coarser.

  A plain linear interpolation from 0.8 mm to 3 mm would look at one pixel in four and keep the noise of one;
  a triangle as wide as the output voxel averages them, so that noise and texture stay alike among scans of
  different spacing.

  Args:
    centres: [out] float64 input coordinates, from `positions`.
    in_indices: [in] whole numbers.
    ratio: output spacing / input spacing.
  Returns:
    [out, in] float32, each row summing to 1; the identity where the two grids are the same.
  """
  width = tf.maximum(tf.cast(ratio, tf.float64), 1.0)
  distance = tf.abs(centres[:, None] - tf.cast(in_indices, tf.float64)[None, :])
  triangle = tf.nn.relu(1.0 - distance / width)
  return tf.cast(triangle / tf.reduce_sum(triangle, axis=1, keepdims=True), tf.float32)


def axis_matrix(size_in: tf.Tensor, size_out: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
  """The float32 [size_out, size_in] matrix that resamples a whole axis; `ratio` as in `weights`."""
  centres = positions(tf.range(size_out), size_out, size_in, ratio)
  return weights(centres, tf.range(size_in), ratio)


def resample(
  volume: tf.Tensor,
  spacing_mm: SpacingMM,
  target_mm: SpacingMM,
  shape: Sequence[int | None] = (None, None, None),
) -> tf.Tensor:
  """Resamples a [z, y, x] volume, linearly and centred, to a new spacing.

  Args:
    volume: float32 [z, y, x].
    shape: voxels to make along each axis; None: as many as have the same extent.
  Returns:
    float32 [z', y', x']; an axis whose spacing is already the target's is returned untouched.
  """
  for axis in range(3):
    if spacing_mm[axis] == target_mm[axis]:
      continue
    size_in = volume.shape[axis]
    size_out = shape[axis] or resampled_size(size_in, spacing_mm[axis], target_mm[axis])
    matrix = axis_matrix(size_in, size_out, target_mm[axis] / spacing_mm[axis])
    moved = tf.tensordot(matrix, volume, axes=[[1], [axis]])
    volume = tf.transpose(moved, _inverse(axis))
  return volume


def _inverse(axis: int) -> list[int]:
  """The transposition that brings axis 0, where tensordot leaves the resampled axis, back to `axis`."""
  return {0: [0, 1, 2], 1: [1, 0, 2], 2: [1, 2, 0]}[axis]


def to_uint8(image: tf.Tensor) -> tf.Tensor:
  """Rounds [0, 255] floats to the store's uint8."""
  return tf.cast(tf.round(image), tf.uint8)


def store_image(image_hu: ImageHU, spacing_mm: SpacingMM, target_mm: SpacingMM) -> StoredImage:
  """A volume in HU as the store keeps it: windowed, resampled, rounded to uint8 [z', y', x']."""
  shape = _resampled_shape(image_hu.shape, spacing_mm, target_mm, (None, None, None))
  stored = np.empty(shape, np.uint8)

  def windowed(part: Part) -> tf.Tensor:
    return window(image_hu[part])

  for at, slab in _resampled_slabs(windowed, image_hu.shape, spacing_mm, target_mm, shape):
    stored[at] = to_uint8(slab).numpy()
  return stored


def store_label(
  label: Labels, spacing_mm: SpacingMM, target_mm: SpacingMM, shape: Sequence[int | None] = (None, None, None)
) -> Labels:
  """A label map resampled: each class linearly as a mask, then the largest; ties go to the lower class.

  Nearest-neighbour interpolation loses thin organs and tears their borders; a vote by volume does not.

  Args:
    label: uint8 [z, y, x].
    spacing_mm, target_mm, shape: as in `resample`.
  Returns:
    uint8 [z', y', x'].
  """
  if all(a == b for a, b in zip(spacing_mm, target_mm)):
    return np.array(label)
  size = _resampled_shape(label.shape, spacing_mm, target_mm, shape)
  best, winner = np.full(size, -1.0, np.float32), np.zeros(size, np.uint8)
  for value in values_of(label):

    def mask(part: Part, value: int = value) -> tf.Tensor:
      return tf.cast(tf.equal(label[part], value), tf.float32)

    for at, slab in _resampled_slabs(mask, label.shape, spacing_mm, target_mm, size):
      share = slab.numpy()
      ahead = share > best[at]
      best[at][ahead], winner[at][ahead] = share[ahead], value
  return winner


def _resampled_shape(
  shape: Sequence[int], spacing_mm: SpacingMM, target_mm: SpacingMM, wanted: Sequence[int | None]
) -> tuple[int, int, int]:
  """Voxels after resampling; `wanted` as the `shape` of `resample`."""
  z, y, x = (
    size if own == target else (fixed or int(resampled_size(size, own, target)))
    for size, own, target, fixed in zip(shape, spacing_mm, target_mm, wanted)
  )
  return z, y, x


def _resampled_slabs(
  read: Callable[[Part], tf.Tensor],
  shape: Sequence[int],
  spacing_mm: SpacingMM,
  target_mm: SpacingMM,
  new_shape: tuple[int, int, int],
) -> Iterator[tuple[slice, tf.Tensor]]:
  """What `resample` gives, slab by slab along z; of the input, too, there is never more than a slab.

  A scan of 512 x 512 x 700 voxels has 0.7 GB as float32, and TensorFlow would hold several of them at a time.

  Args:
    read: gives the float32 voxels of a part of the input.
    shape, new_shape: voxels (z, y, x) before and after.
  Yields:
    (where along z', float32 [slab, y', x']).
  """
  if spacing_mm[0] != target_mm[0]:
    between = np.zeros((new_shape[0], *shape[1:]), np.float32)
    matrix = axis_matrix(shape[0], new_shape[0], target_mm[0] / spacing_mm[0])
    for rows in _slabs(shape[1], shape[0] * shape[2]):
      values = read((slice(None), rows))
      if tf.reduce_any(values != 0):  # most of a volume has nothing of an organ
        between[:, rows] = tf.tensordot(matrix, values, axes=[[1], [0]]).numpy()

    def read(part: Part) -> tf.Tensor:
      return tf.constant(between[part])

  in_plane = (1.0, *spacing_mm[1:]), (1.0, *target_mm[1:])
  for at in _slabs(new_shape[0], shape[1] * shape[2]):
    values = read((at, slice(None)))
    if tf.reduce_any(values != 0):
      yield at, resample(values, *in_plane, (None, *new_shape[1:]))
    else:
      yield at, tf.zeros((len(values), *new_shape[1:]))


def _slabs(length: int, voxels: int) -> Iterator[slice]:
  """Slices along an axis whose every index has so many voxels."""
  step = max(1, SLAB_VOXELS // voxels)
  for start in range(0, length, step):
    yield slice(start, start + step)
