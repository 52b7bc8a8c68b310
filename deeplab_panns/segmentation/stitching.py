"""Overlapping windows of an image, blended into one map while only a part of it is in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Planes(NamedTuple):
  """Planes of an image that a row of windows turns over, int32 scalars: the sums begin with plane `first`;
  those before `done` get nothing more from later rows and are wanted now; those before `keep` are not needed
  afterwards."""

  first: Any
  done: Any
  keep: Any


def window_step(patch, overlap):
  """Voxels from one window to the next."""
  return max(1, round(patch * (1 - overlap)))


def window_weights(patch):
  """Weight of each voxel of a window along an axis: float32 [patch], largest in the middle.

  A Gaussian of sigma patch / 8, as in nnU-Net: a network knows least at its window's border. It is above e^-8
  at every voxel, and shares are taken along each axis by itself, so no weight is 0 or needs a floor.
  """
  offsets = np.arange(patch) - (patch - 1) / 2
  return np.exp(-0.5 * (offsets / (patch / 8)) ** 2).astype(np.float32)


class WindowStitcher:
  """Blends what a function makes of the overlapping windows of an image.

  A voxel's channels are the mean over the windows that cover it, weighted by `window_weights` along z times y
  times x. That product divided by its sum over all windows is the product of the three axes' shares, so that
  windows can be added up ready weighted. They come in rows (one z) of steps (one y) of columns (one x). What
  no later window reaches is finished; the rest of a window is added to the next one along x, of a column to
  the next step, of a step to the next row.

  Sums are TensorArrays of small blocks, float32 [columns, rows, planes, channels]. Nothing is scattered into
  a large tensor, which TensorFlow may copy for every window.
  """

  def __init__(self, function, patch_size, overlap, sizes, channels):
    """
    Args:
      function: float32 [z, y, x] of the patch size → float32 [z, y, x, channels].
      sizes: three int32 scalars, of the image; where one is below the patch, the image is padded with 0 at
        its end.
    """
    self._function = function
    self._patch = patch_size
    self._channels = channels
    self._sizes = sizes
    self._padded = [tf.maximum(size, patch) for size, patch in zip(sizes, patch_size)]
    self._starts = [_starts(size, patch, overlap) for size, patch in zip(self._padded, patch_size)]
    self._ends = [tf.concat([starts[1:], [size]], 0) for starts, size in zip(self._starts, self._padded)]
    self._shares = [_shares(*axis) for axis in zip(self._starts, patch_size, self._padded)]

  @property
  def row_count(self):
    return tf.size(self._starts[0])

  @property
  def step_count(self):
    return tf.size(self._starts[1])

  def row_start(self, row):
    """The first plane of a row of windows."""
    return self._starts[0][row]

  def row_end(self, row):
    """The first plane that a later row reaches."""
    return self._ends[0][row]

  def step_end(self, step):
    """The first row of voxels that a later step reaches."""
    return self._ends[1][step]

  def padded(self, image):
    """Planes of the image [planes, y, x] with the columns and rows that make them as large as a window."""
    return tf.pad(image, [[0, 0]] + [[0, self._padded[axis] - self._sizes[axis]] for axis in (1, 2)])

  def no_sums(self):
    """The sums before the first row, by step and column: no planes yet."""
    columns = tf.size(self._starts[2])
    sums = self._blocks(self.step_count * columns)
    for place in tf.range(self.step_count * columns):
      width, height = self._extent(2, place % columns), self._extent(1, place // columns)
      sums = sums.write(place, tf.zeros([width, height, 0, self._channels]))
    return sums

  def no_rests(self):
    """What a step leaves for the next one, before the first step of a row, by column: no rows of voxels
    yet."""
    rests = self._blocks(tf.size(self._starts[2]))
    for column in tf.range(tf.size(self._starts[2])):
      rests = rests.write(column, tf.zeros([self._extent(2, column), 0, self._patch[0], self._channels]))
    return rests

  def nothing_finished(self, planes):
    """What `add_step` finishes, before the first step of a row: no rows of voxels yet."""
    return tf.zeros([planes.done - planes.first, 0, self._sizes[2], self._channels])

  def add_step(self, image, place, planes, sums, rests):
    """Adds the windows of a step.

    Args:
      image: float32 [patch z, rows, columns], `padded`, the planes of the row.
      place: (row, step).
      planes: Planes, the same for all steps of a row.
      sums, rests: what the last call returned, or at the start `no_sums` and at the start of a row
        `no_rests`.
    Returns:
      (finished, sums, rests); finished is float32 [planes, rows, x, channels]: planes first … done - 1, and
      the rows of voxels from the step's first to before `step_end`.
    """
    row, step = place
    finished = self._blocks(tf.size(self._starts[2]))
    rest = tf.zeros([0, self._patch[1], self._patch[0], self._channels])
    for column in tf.range(tf.size(self._starts[2])):
      # windows wait for nothing of one another, and ten of them at once would take ten times the memory
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

  def _weighted(self, image, row, step, column):
    """A window's values times its shares: [x, y, z, channels]."""
    top, left = self._starts[1][step], self._starts[2][column]
    window = tf.ensure_shape(image[:, top : top + self._patch[1], left : left + self._patch[2]], self._patch)
    shares = self._shares[2][column][:, None, None] * self._shares[1][step][:, None] * self._shares[0][row]
    return tf.transpose(self._function(window), [2, 1, 0, 3]) * shares[..., None]

  def _extent(self, axis, number):
    """Voxels from a window's start to the next one's."""
    return self._ends[axis][number] - self._starts[axis][number]

  def _blocks(self, count):
    return tf.TensorArray(
      tf.float32,
      size=count,
      infer_shape=False,
      clear_after_read=False,
      element_shape=[None, None, None, self._channels],
    )


def _starts(size, patch, overlap):
  """sliding_window.window_starts in a graph: int32 [windows]; size at least patch."""
  step = window_step(patch, overlap)
  return tf.minimum(tf.range((size - patch + step - 1) // step + 1) * step, size - patch)


def _shares(starts, patch, size):
  """Each window's share of the weight at its voxels: float32 [windows, patch]; at every voxel they sum to
  1."""
  voxels = starts[:, None] + tf.range(patch)[None, :]
  weights = tf.broadcast_to(window_weights(patch), tf.shape(voxels))
  return weights / tf.gather(tf.math.unsorted_segment_sum(weights, voxels, size), voxels)


def _overlay(sums, values, axis, start=None):
  """Values added to sums of the same `axis` from `start` (default 0) on; the sums end there or among the
  values. Rank 4."""
  before, common = (None, sums) if start is None else tf.split(sums, [start, -1], axis=axis)
  missing = tf.shape(values)[axis] - tf.shape(common)[axis]
  values += tf.pad(common, [[0, missing if at == axis else 0] for at in range(4)])
  return values if before is None else tf.concat([before, values], axis)
