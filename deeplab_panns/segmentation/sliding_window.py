"""3-D networks over whole volumes, by overlapping windows."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.segmentation.slabs import (
  SLAB,
  SlabSegmenter,
  along_axis,
  reach,
  resample_side,
  slab_count,
  slab_indices,
  slices_at,
  spacing_ratios,
)
from deeplab_panns.segmentation.stitching import Planes, WindowStitcher, window_step


@dataclasses.dataclass(frozen=True)
class Windows:
  """How a 3-D network wants its windows. Everything per axis is (z, y, x).

  Attributes:
    patch_size: voxels of a window.
    spacing_mm: of training; None where it took each volume's own.
    overlap: share of a window's side that it has in common with the next, in [0, 1).
  """

  patch_size: tuple[int, int, int]
  spacing_mm: tuple[float | None, ...]
  overlap: float = 0.5

  def __post_init__(self):
    if len(self.patch_size) != 3 or min(self.patch_size) < 1 or not 0 <= self.overlap < 1:
      raise ValueError(
        f"received patch_size={self.patch_size}, overlap={self.overlap}; three sizes of at least 1, and an "
        "overlap of at least 0 and below 1"
      )


def window_starts(size, patch, overlap):
  """First voxels of the windows along an axis: even steps, the last one shifted back to end with the volume.

  Args:
    size: voxels along the axis; below `patch`, the volume is padded to it and has one window.
  Returns:
    A rising list of ints: 150 voxels by windows of 64 at half overlap are 0, 32, 64, 86.
  """
  step, last = window_step(patch, overlap), max(size - patch, 0)
  return [min(number * step, last) for number in range(1 + math.ceil(last / step))]


class VolumeSegmenter(SlabSegmenter):
  """A 3-D network, float32 [batch, z, y, x, 1] → logits, applied to overlapping windows of a volume.

  The volume is resampled to the network's grid as rows of windows need it, and padded at its end with 0, the
  HU window's floor, where it is smaller than a window. Blended probabilities go back to the volume's grid as
  soon as all that a piece of it needs is finished. So memory holds, of all K + 1 channels, half a window's
  height of planes (at half overlap).
  """

  def __init__(self, network, grid: Windows, class_count: int):
    super().__init__(network, grid, class_count, axis=0)

  def with_network(self, network):
    return VolumeSegmenter(network, self.grid, self.class_count)

  def _slabs(self, volume, prepare, spacing_mm, convert, dtype):
    axes = [
      _Axis(size, ratio)
      for size, ratio in zip(
        tf.unstack(tf.shape(volume), 3), spacing_ratios(self.grid.spacing_mm, spacing_mm)
      )
    ]
    stitcher = WindowStitcher(
      self._classify_window,
      self.grid.patch_size,
      self.grid.overlap,
      [axis.network_size for axis in axes],
      self.class_count,
    )
    sweep = _Sweep(stitcher, axes, convert, dtype)
    slabs = tf.TensorArray(dtype, size=0, dynamic_size=True, infer_shape=False)
    sums, first, slab = stitcher.no_sums(), 0, 0
    for row in tf.range(stitcher.row_count):
      # one at a time: TensorFlow would begin with ten rows at once, and ten windows below, with ten times
      # their memory
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      next_slab = axes[0].slabs_before(stitcher.row_end(row))
      planes = Planes(first, axes[0].end_of(next_slab), axes[0].needed_from(next_slab, stitcher.row_end(row)))
      image = stitcher.padded(self._row_image(volume, prepare, axes, stitcher.row_start(row)))
      pieces, sums = sweep.row(image, row, planes, (slab, next_slab), sums)
      if next_slab > slab:
        slabs = slabs.write(slabs.size(), sweep.whole(pieces, next_slab - slab))
      first, slab = planes.keep, next_slab
    return slabs

  def _classify_window(self, window):
    return self._classify(window[None, ..., None])[0]

  def _row_image(self, volume, prepare, axes, start):
    """The planes of a row of windows as the network was trained on them: whole numbers, float32 [patch z,
    rows, columns]."""
    depth = self.grid.patch_size[0]
    slabs = tf.TensorArray(tf.float32, size=slab_count(depth), infer_shape=False)
    for number in tf.range(slab_count(depth)):
      # in slabs, since it may take many planes of the volume to make one of the network's
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      slabs = slabs.write(number, self._planes(volume, prepare, axes, start + number * SLAB + tf.range(SLAB)))
    return tf.ensure_shape(slabs.concat()[:depth], [depth, None, None])

  def _planes(self, volume, prepare, axes, planes):
    """Planes of the network's grid, whole numbers, float32 [n, y', x']; those behind its last are 0."""
    last = axes[0].network_size - 1
    centres = preprocess.positions(tf.minimum(planes, last), last + 1, axes[0].size, axes[0].ratio)
    images = slices_at(volume, 0, prepare, centres, axes[0].ratio)
    for place, axis in enumerate(axes[1:], 1):
      images = resample_side(images, place, axis.network_size, axis.ratio)
    return tf.round(images) * tf.cast(planes <= last, tf.float32)[:, None, None]


class _Axis:
  """An axis of a volume, in slabs of SLAB voxels, and of the network's grid, where a slab needs the voxels
  low … high - 1."""

  def __init__(self, size, ratio):
    self.size = size
    self.ratio = ratio
    self.network_size = preprocess.resampled_size(size, 1.0, ratio)
    self.slabs = slab_count(size)
    firsts = tf.range(self.slabs) * SLAB
    lasts = tf.minimum(firsts + SLAB, size) - 1
    self.low, self.high = reach(self._centres(firsts), self._centres(lasts), 1.0 / ratio, self.network_size)

  def slabs_before(self, end):
    """How many slabs need no voxel from `end` on."""
    return tf.reduce_sum(tf.cast(self.high <= end, tf.int32))

  def end_of(self, slab):
    """The slabs before `slab` need no voxel from here on."""
    return tf.where(slab > 0, self.high[tf.maximum(slab - 1, 0)], 0)

  def needed_from(self, slab, end):
    """The first voxel that is needed where the slabs from `slab` on are still to be made and windows go on at
    `end`."""
    return tf.minimum(self.low[tf.minimum(slab, self.slabs - 1)], end)

  def weights(self, indices, low, high):
    """[indices, high - low]: what voxels of the volume take of the network's voxels low … high - 1."""
    return preprocess.weights(self._centres(indices), tf.range(low, high), 1.0 / self.ratio)

  def _centres(self, indices):
    return preprocess.positions(indices, self.size, self.network_size, 1.0 / self.ratio)


class _Sweep:
  """Goes over a volume by rows of windows; what they finish comes to the volume's grid piece by piece along
  y."""

  def __init__(self, stitcher, axes, convert, dtype):
    self._stitcher = stitcher
    self._axes = axes
    self._convert = convert
    self._dtype = dtype

  def row(self, image, row, planes, slabs, sums):
    """Adds a row of windows, and makes the slabs of the volume that it completes.

    Args:
      image: as in WindowStitcher.add_step.
      slabs: (from, to), along z.
      sums: of the rows before.
    Returns:
      (pieces, sums): what `convert` kept, a TensorArray of [rows, SLAB, ...] by slab and then by row.
    """
    stitcher, y = self._stitcher, self._axes[1]
    steps = stitcher.step_count
    pieces = tf.TensorArray(self._dtype, size=(slabs[1] - slabs[0]) * steps, infer_shape=False)
    rests, from_row, part = stitcher.no_rests(), 0, 0
    waiting = stitcher.nothing_finished(planes)
    for step in tf.range(steps):
      tf.autograph.experimental.set_loop_options(
        parallel_iterations=1,
        shape_invariants=[(waiting, tf.TensorShape([None, None, None, waiting.shape[-1]]))],
      )
      finished, sums, rests = stitcher.add_step(image, (row, step), planes, sums, rests)
      waiting = tf.concat([waiting, finished], 1)
      next_part = y.slabs_before(stitcher.step_end(step))
      for slab in tf.range(slabs[0], slabs[1]):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        kept = self._convert(
          slab, part * SLAB, self._to_volume(waiting, (planes.first, from_row), slab, (part, next_part))
        )
        pieces = pieces.write((slab - slabs[0]) * steps + step, _rows_and_slices_swapped(kept))
      needed = y.needed_from(next_part, stitcher.step_end(step))
      waiting, from_row, part = waiting[:, needed - from_row :], needed, next_part
    return pieces, sums

  def _to_volume(self, finished, corner, slab, parts):
    """A piece of the volume from what is finished.

    Args:
      finished: float32 [planes, rows, columns, channels] of the network's grid.
      corner: its first plane and row.
      slab: along z.
      parts: (from, to), slabs along y.
    Returns:
      float32 [SLAB, rows, columns, channels].
    """
    z, y, x = self._axes
    low, high = z.low[slab], z.high[slab]
    to_slab = z.weights(slab_indices(slab, z.size), low, high)
    piece = tf.tensordot(to_slab, finished[low - corner[0] : high - corner[0]], 1)
    rows = tf.range(parts[0] * SLAB, tf.minimum(parts[1] * SLAB, y.size))
    piece = along_axis(y.weights(rows, corner[1], corner[1] + tf.shape(finished)[1]), piece, 1)
    piece = resample_side(piece, 2, x.size, 1.0 / x.ratio)
    return tf.ensure_shape(piece, [SLAB, None, None, finished.shape[-1]])

  def whole(self, pieces, slabs):
    """The slabs that `row` made the pieces of: [slices, rows, ...]."""
    pieces = pieces.concat()
    shape = tf.shape(pieces)
    pieces = tf.reshape(pieces, tf.concat([[slabs, self._axes[1].size], shape[1:]], 0))
    order = tf.concat([[0, 2, 1], tf.range(3, tf.size(shape) + 1)], 0)
    return tf.reshape(
      tf.transpose(pieces, order), tf.concat([[slabs * SLAB, self._axes[1].size], shape[2:]], 0)
    )


def _rows_and_slices_swapped(piece):
  return tf.transpose(piece, [1, 0, *range(2, piece.shape.rank)])
