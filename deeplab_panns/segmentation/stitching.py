"""Overlapping windows of an image blended into one map, of which only a part is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data.arrays import Floats


class Planes(NamedTuple):
  """The planes of an image, along z, that are worked on while a row of windows is added; int32 scalars.

  Attributes:
    first: the first plane that the sums of earlier rows hold.
    done: the planes first … done - 1 are returned as finished: no later row adds to them.
    keep: the first plane that the sums still hold after this row; the planes before it are dropped.
  """

  first: tf.Tensor
  done: tf.Tensor
  keep: tf.Tensor


def window_step(patch: int, overlap: float) -> int:
  """Voxels from the start of one window to the start of the next."""
  return max(1, round(patch * (1 - overlap)))


def window_weights(patch: int) -> Floats:
  """The weight of each voxel of a window along an axis: float32 [patch], largest in the middle.

  A Gaussian of sigma patch / 8, as in nnU-Net: a network sees the least context at the border of its window.
  The weight is above e^-8 at every voxel, and shares are taken along each axis separately, so that no weight
  is 0 or has to be raised.
  """
  offsets = np.arange(patch) - (patch - 1) / 2
  return np.exp(-0.5 * (offsets / (patch / 8)) ** 2).astype(np.float32)


class WindowStitcher:
  """Blends what a function returns for the overlapping windows of an image.

  A voxel's channels are the mean over the windows that cover it, weighted by the product of `window_weights`
  along z, y and x. That product, divided by its sum over all windows, is the product of the shares along the
  three axes; so a window can be multiplied by its shares before it is added, and nothing is divided
  afterwards.

  Windows come in rows (one z), of steps (one y), of columns (one x). The voxels that no later window reaches
  are finished. The rest of a window is added to the next window along x, the rest of a step to the next step,
  and the rest of a row to the next row.

  The sums are TensorArrays of small blocks, float32 [columns, rows, planes, channels]. Nothing is scattered
  into one large tensor, which TensorFlow might copy for every window.
  """

  def __init__(
    self,
    function: Callable[[tf.Tensor], tf.Tensor],
    patch_size: tuple[int, int, int],
    overlap: float,
    sizes: Sequence[tf.Tensor],
    channels: int,
    box: tf.Tensor | None = None,
  ) -> None:
    """
    Args:
      function: maps float32 [z, y, x] of the patch size to float32 [z, y, x, channels].
      patch_size: voxels (z, y, x) of a window.
      overlap: the share of a window's side that it has in common with the next window, in [0, 1).
      sizes: three int32 scalars (z, y, x), of the image; where one is below the patch size, the image is
        padded with 0 at its end.
      channels: of what `function` returns.
      box: int32 [3, 2], the first voxel along z, y, x and the one after the last: windows that have none of
        these voxels are 1 in channel 0 and 0 in the others, and the function is not called. None: no such.
    """
    self._function = function
    self._box = box
    self._patch = patch_size
    self._channels = channels
    self._sizes = sizes
    self._padded = [tf.maximum(size, patch) for size, patch in zip(sizes, patch_size)]
    self._starts = [_starts(size, patch, overlap) for size, patch in zip(self._padded, patch_size)]
    self._ends = [tf.concat([starts[1:], [size]], 0) for starts, size in zip(self._starts, self._padded)]
    self._shares = [_shares(*axis) for axis in zip(self._starts, patch_size, self._padded)]

  @property
  def row_count(self) -> tf.Tensor:
    """Windows along z."""
    return tf.size(self._starts[0])

  @property
  def step_count(self) -> tf.Tensor:
    """Windows along y."""
    return tf.size(self._starts[1])

  def row_start(self, row: tf.Tensor) -> tf.Tensor:
    """The first plane of a row of windows."""
    return self._starts[0][row]

  def row_end(self, row: tf.Tensor) -> tf.Tensor:
    """The first plane that a later row reaches."""
    return self._ends[0][row]

  def step_end(self, step: tf.Tensor) -> tf.Tensor:
    """The first row of voxels that a later step reaches."""
    return self._ends[1][step]

  def padded(self, image: tf.Tensor) -> tf.Tensor:
    """Planes of the image [planes, y, x], padded with 0 to at least the rows and columns of a window."""
    return tf.pad(image, [[0, 0]] + [[0, self._padded[axis] - self._sizes[axis]] for axis in (1, 2)])

  def no_sums(self) -> tf.TensorArray:
    """The sums before the first row, ordered by step and then by column; they hold no planes yet."""
    columns = tf.size(self._starts[2])
    sums = self._blocks(self.step_count * columns)
    for block in tf.range(self.step_count * columns):
      width, height = self._extent(2, block % columns), self._extent(1, block // columns)
      sums = sums.write(block, tf.zeros([width, height, 0, self._channels]))
    return sums

  def no_rests(self) -> tf.TensorArray:
    """What a step leaves for the next one, before the first step of a row: by column, and no rows of voxels
    yet."""
    rests = self._blocks(tf.size(self._starts[2]))
    for column in tf.range(tf.size(self._starts[2])):
      rests = rests.write(column, tf.zeros([self._extent(2, column), 0, self._patch[0], self._channels]))
    return rests

  def nothing_finished(self, planes: Planes) -> tf.Tensor:
    """What is finished before the first step of a row: [planes, 0 rows, x, channels]."""
    return tf.zeros([planes.done - planes.first, 0, self._sizes[2], self._channels])

  def add_step(
    self,
    image: tf.Tensor,
    at: tuple[tf.Tensor, tf.Tensor],
    planes: Planes,
    sums: tf.TensorArray,
    rests: tf.TensorArray,
  ) -> tuple[tf.Tensor, tf.TensorArray, tf.TensorArray]:
    """Adds the windows of a step.

    Args:
      image: float32 [patch z, rows, columns], `padded`: the planes that the row of windows covers.
      at: (row, step), the indices of the step.
      planes: the same for all steps of a row.
      sums: what the last call returned; `no_sums` before the first row.
      rests: what the last call returned; `no_rests` before the first step of a row.
    Returns:
      (finished, sums, rests). Finished is float32 [planes, rows, x, channels]: the planes first … done - 1,
      and the rows of voxels from the step's first one to the one before `step_end`.
    """
    row, step = at
    finished = self._blocks(tf.size(self._starts[2]))
    rest = tf.zeros([0, self._patch[1], self._patch[0], self._channels])
    for column in tf.range(tf.size(self._starts[2])):
      # Windows do not depend on one another, so TensorFlow would otherwise run ten at once, which takes ten
      # times the memory.
      tf.autograph.experimental.set_loop_options(
        parallel_iterations=1, shape_invariants=[(rest, tf.TensorShape([None, *rest.shape[1:]]))]
      )
      width, height = self._extent(2, column), self._extent(1, step)
      values = _overlay(rest, self._weighted(image, row, step, column), axis=0)
      rest = values[width:]
      values = _overlay(rests.read(column), values[:width], axis=1)
      rests = rests.write(column, values[:, height:])
      block = step * tf.size(self._starts[2]) + column
      values = _overlay(
        sums.read(block), values[:, :height], axis=2, start=self.row_start(row) - planes.first
      )
      sums = sums.write(block, values[:, :, planes.keep - planes.first :])
      finished = finished.write(column, values[:, :, : planes.done - planes.first])
    return tf.transpose(finished.concat()[: self._sizes[2], : self._sizes[1]], [2, 1, 0, 3]), sums, rests

  def _weighted(self, image: tf.Tensor, row: tf.Tensor, step: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    """The function's values for a window, times the window's shares: [x, y, z, channels]."""
    top, left = self._starts[1][step], self._starts[2][column]
    window = tf.ensure_shape(image[:, top : top + self._patch[1], left : left + self._patch[2]], self._patch)
    shares = self._shares[2][column][:, None, None] * self._shares[1][step][:, None] * self._shares[0][row]
    if self._box is None:
      values = self._function(window)
    else:
      starts = tf.stack([self._starts[0][row], top, left])
      meets = tf.reduce_all((starts < self._box[:, 1]) & (starts + self._patch > self._box[:, 0]))
      outside = tf.one_hot(tf.zeros(self._patch, tf.int32), self._channels)
      values = tf.cond(meets, lambda: self._function(window), lambda: outside)
    return tf.transpose(values, [2, 1, 0, 3]) * shares[..., None]

  def _extent(self, axis: int, number: tf.Tensor) -> tf.Tensor:
    """Voxels from the start of a window to the start of the next one, or to the end of the padded image."""
    return self._ends[axis][number] - self._starts[axis][number]

  def _blocks(self, count: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(
      tf.float32,
      size=count,
      infer_shape=False,
      clear_after_read=False,
      element_shape=[None, None, None, self._channels],
    )


def _starts(size: tf.Tensor, patch: int, overlap: float) -> tf.Tensor:
  """As sliding_window.window_starts, in a graph: int32 [windows]. The size is at least the patch's."""
  step = window_step(patch, overlap)
  return tf.minimum(tf.range((size - patch + step - 1) // step + 1) * step, size - patch)


def _shares(starts: tf.Tensor, patch: int, size: tf.Tensor) -> tf.Tensor:
  """Each window's share of the weight at its voxels, float32 [windows, patch]; they sum to 1."""
  voxels = starts[:, None] + tf.range(patch)[None, :]
  weights = tf.broadcast_to(window_weights(patch), tf.shape(voxels))
  return weights / tf.gather(tf.math.unsorted_segment_sum(weights, voxels, size), voxels)


def _overlay(sums: tf.Tensor, values: tf.Tensor, axis: int, start: tf.Tensor | None = None) -> tf.Tensor:
  """Adds values to sums, from index `start` (0 if None) of an axis on.

  The sums may end before the values do, but not before `start`. Both are of rank 4 and of the same size along
  the other axes.
  """
  before, common = (None, sums) if start is None else tf.split(sums, [start, -1], axis=axis)
  missing = tf.shape(values)[axis] - tf.shape(common)[axis]
  values += tf.pad(common, [[0, missing if at == axis else 0] for at in range(4)])
  return values if before is None else tf.concat([before, values], axis)
