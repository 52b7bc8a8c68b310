"""3-D networks over whole volumes, by overlapping windows."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.segmentation.in_graph_resampling import resample_side, slices_at, spacing_ratios
from deeplab_panns.segmentation.slabs import SLAB, SlabSegmenter, slab_count
from deeplab_panns.segmentation.stitching import Planes, WindowStitcher, window_step
from deeplab_panns.segmentation.window_sweep import VolumeAxis, WindowSweep


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
      VolumeAxis(size, ratio)
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
    sweep = WindowSweep(stitcher, axes, convert, dtype)
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
