"""Windows of a 3-D network swept over a volume; what they finish is resampled to the volume's own grid."""

from __future__ import annotations

import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.segmentation.in_graph_resampling import along_axis, reach, resample_side
from deeplab_panns.segmentation.slabs import SLAB, Convert, slab_count, slab_indices
from deeplab_panns.segmentation.stitching import Planes, WindowStitcher


class VolumeAxis:
  """An axis that has voxels on the volume's grid and other voxels on the network's grid.

  Attributes:
    size: voxels of the volume.
    ratio: the network's spacing divided by the volume's, float64.
    network_size: voxels of the network's grid.
    slabs: how many slabs of SLAB voxels the volume has along the axis.
    low, high: int32 [slabs]; interpolating slab i reads the network's voxels low[i] … high[i] - 1.
  """

  def __init__(self, size: tf.Tensor, ratio: tf.Tensor) -> None:
    self.size = size
    self.ratio = ratio
    self.network_size = preprocess.resampled_size(size, 1.0, ratio)
    self.slabs = slab_count(size)
    firsts = tf.range(self.slabs) * SLAB
    lasts = tf.minimum(firsts + SLAB, size) - 1
    self.low, self.high = reach(self._centres(firsts), self._centres(lasts), 1.0 / ratio, self.network_size)

  def slabs_before(self, end: tf.Tensor) -> tf.Tensor:
    """How many slabs read none of the network's voxels from `end` on."""
    return tf.reduce_sum(tf.cast(self.high <= end, tf.int32))

  def end_of(self, slab: tf.Tensor) -> tf.Tensor:
    """The end of the network's voxels that the slabs before `slab` read; 0 if there is none before it."""
    return tf.where(slab > 0, self.high[tf.maximum(slab - 1, 0)], 0)

  def needed_from(self, slab: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """The first of the network's voxels that is still needed.

    Args:
      slab: the slabs from this one on are not made yet.
      end: later windows add to the voxels from here on.
    """
    return tf.minimum(self.low[tf.minimum(slab, self.slabs - 1)], end)

  def weights(self, indices: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """The weights with which voxels of the volume are interpolated from the network's voxels low … high - 1:
    float32 [indices, high - low]."""
    return preprocess.weights(self._centres(indices), tf.range(low, high), 1.0 / self.ratio)

  def _centres(self, indices: tf.Tensor) -> tf.Tensor:
    return preprocess.positions(indices, self.size, self.network_size, 1.0 / self.ratio)


class WindowSweep:
  """Goes over a volume by rows of windows and resamples what they finish to the volume's grid, piece by piece
  along y."""

  def __init__(
    self, stitcher: WindowStitcher, axes: list[VolumeAxis], convert: Convert, dtype: tf.DType
  ) -> None:
    """
    Args:
      stitcher: on the network's grid.
      axes: z, y, x.
      convert: decides what is kept of each piece.
      dtype: of what `convert` returns.
    """
    self._stitcher = stitcher
    self._axes = axes
    self._convert = convert
    self._dtype = dtype

  def row(
    self,
    image: tf.Tensor,
    row: tf.Tensor,
    planes: Planes,
    slabs: tuple[tf.Tensor, tf.Tensor],
    sums: tf.TensorArray,
  ) -> tuple[tf.TensorArray, tf.TensorArray]:
    """Adds a row of windows, and makes the slabs of the volume that it completes.

    Args:
      image: as in WindowStitcher.add_step.
      row: index of the row.
      planes: as in WindowStitcher.add_step.
      slabs: (from, to), indices of the slabs along z that the row completes; `to` is not among them.
      sums: of the rows before.
    Returns:
      (pieces, sums): pieces is a TensorArray of what `convert` kept, [rows, SLAB, ...], ordered by slab and
      then by step.
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
        piece = self._to_volume(waiting, (planes.first, from_row), slab, (part, next_part))
        kept = self._convert(slab, part * SLAB, piece)
        pieces = pieces.write((slab - slabs[0]) * steps + step, _rows_and_slices_swapped(kept))
      needed = y.needed_from(next_part, stitcher.step_end(step))
      waiting, from_row, part = waiting[:, needed - from_row :], needed, next_part
    return pieces, sums

  def _to_volume(
    self,
    finished: tf.Tensor,
    corner: tuple[tf.Tensor, tf.Tensor],
    slab: tf.Tensor,
    parts: tuple[tf.Tensor, tf.Tensor],
  ) -> tf.Tensor:
    """A piece of the volume, interpolated from what is finished.

    Args:
      finished: float32 [planes, rows, columns, channels] on the network's grid.
      corner: (plane, row) on the network's grid at which `finished` begins.
      slab: index of the slab along z.
      parts: (from, to), indices of the slabs along y; `to` is not among them.
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

  def whole(self, pieces: tf.TensorArray, slabs: tf.Tensor) -> tf.Tensor:
    """The pieces that `row` returned, put together: [slabs * SLAB, rows, ...]."""
    pieces = pieces.concat()
    shape = tf.shape(pieces)
    pieces = tf.reshape(pieces, tf.concat([[slabs, self._axes[1].size], shape[1:]], 0))
    order = tf.concat([[0, 2, 1], tf.range(3, tf.size(shape) + 1)], 0)
    return tf.reshape(
      tf.transpose(pieces, order), tf.concat([[slabs * SLAB, self._axes[1].size], shape[2:]], 0)
    )


def _rows_and_slices_swapped(piece: tf.Tensor) -> tf.Tensor:
  return tf.transpose(piece, [1, 0, *range(2, piece.shape.rank)])
