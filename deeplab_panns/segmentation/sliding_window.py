"""3-D networks applied to whole volumes by overlapping windows."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from data.arrays import WantedSpacingMM
from data.spacing import NATIVE
from data.stored import preprocess
from deeplab_panns.segmentation.body_box import body_box_in_graph, on_network_axis
from deeplab_panns.segmentation.in_graph_resampling import (
  require_wanted_spacing,
  resample_side,
  slices_at,
  spacing_ratios,
)
from deeplab_panns.segmentation.slabs import SLAB, Convert, Prepare, SlabSegmenter, slab_count
from deeplab_panns.segmentation.stitching import Planes, WindowStitcher, window_step
from deeplab_panns.segmentation.window_sweep import VolumeAxis, WindowSweep


@dataclasses.dataclass(frozen=True)
class Windows:
  """How a 3-D network expects its windows.

  Attributes:
    patch_size: voxels (z, y, x) of a window.
    spacing_mm: (z, y, x) of training; None where training kept each volume's own.
    overlap: the share of a window's side that it has in common with the next window, in [0, 1).
    scale: the network sees the volume that much larger: at spacing_mm / scale.
    crop_to_body: windows outside a box around the body are background.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  patch_size: tuple[int, int, int]
  spacing_mm: WantedSpacingMM = NATIVE
  overlap: float = 0.5
  scale: float = 1.0
  crop_to_body: bool = False

  def __post_init__(self) -> None:
    if len(self.patch_size) != 3 or min(self.patch_size) < 1:
      raise ValueError(f"patch_size={self.patch_size}: must be three sizes (z, y, x) of at least 1 voxel")
    if not 0 <= self.overlap < 1:
      raise ValueError(f"overlap={self.overlap}: must be at least 0 and below 1")
    if not self.scale > 0:
      raise ValueError(f"scale={self.scale}: must be above 0")
    require_wanted_spacing(self.spacing_mm)


def window_starts(size: int, patch: int, overlap: float) -> list[int]:
  """The first voxel of each window along an axis: even steps, but the last window ends with the axis.

  Args:
    size: voxels along the axis; where it is below `patch`, the volume is padded to `patch` and has one
      window.
    patch: voxels of a window along the axis.
    overlap: as in `Windows`.
  Returns:
    Increasing indices: for 150 voxels, windows of 64 and half overlap they are 0, 32, 64, 86.
  """
  step, last = window_step(patch, overlap), max(size - patch, 0)
  return [min(number * step, last) for number in range(1 + math.ceil(last / step))]


class VolumeSegmenter(SlabSegmenter):
  """A 3-D network, float32 [batch, z, y, x, 1] to logits, applied to overlapping windows of a volume.

  The volume is resampled to the network's grid as rows of windows need it. Where it is smaller than a window,
  it is padded at its end with 0, the lower end of the HU window. The blended probabilities are resampled to
  the volume's own grid as soon as all that a part of it needs is finished. Of all K + 1 channels, memory
  therefore holds only half a window's height of planes (at half overlap).
  """

  grid: Windows

  def __init__(self, network: tf.keras.Model, grid: Windows, class_count: int) -> None:
    super().__init__(network, grid, class_count, axis=0)

  def with_network(self, network: tf.keras.Model) -> VolumeSegmenter:
    """The same segmenter with another network."""
    return VolumeSegmenter(network, self.grid, self.class_count)

  def _slabs(
    self, volume: tf.Tensor, prepare: Prepare, spacing_mm: tf.Tensor, convert: Convert, dtype: tf.DType
  ) -> tf.TensorArray:
    sizes = tf.unstack(tf.shape(volume), 3)
    ratios = [ratio / self.grid.scale for ratio in spacing_ratios(self.grid.spacing_mm, spacing_mm)]
    axes = [VolumeAxis(size, ratio) for size, ratio in zip(sizes, ratios)]
    network_sizes = [axis.network_size for axis in axes]
    stitcher = WindowStitcher(
      self._classify_window,
      self.grid.patch_size,
      self.grid.overlap,
      network_sizes,
      self.class_count,
      self._body(volume, prepare, axes) if self.grid.crop_to_body else None,
    )
    sweep = WindowSweep(stitcher, axes, convert, dtype)
    slabs = tf.TensorArray(dtype, size=0, dynamic_size=True, infer_shape=False)
    sums, first, slab = stitcher.no_sums(), 0, 0
    for row in tf.range(stitcher.row_count):
      # One at a time: TensorFlow would otherwise start ten rows at once, and in them ten windows at once,
      # which takes ten times the memory.
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      next_slab = axes[0].slabs_before(stitcher.row_end(row))
      planes = Planes(first, axes[0].end_of(next_slab), axes[0].needed_from(next_slab, stitcher.row_end(row)))
      image = stitcher.padded(self._row_image(volume, prepare, axes, stitcher.row_start(row)))
      pieces, sums = sweep.row(image, row, planes, (slab, next_slab), sums)
      if next_slab > slab:
        slabs = slabs.write(slabs.size(), sweep.whole(pieces, next_slab - slab))
      first, slab = planes.keep, next_slab
    return slabs

  def _body(self, volume: tf.Tensor, prepare: Prepare, axes: list[VolumeAxis]) -> tf.Tensor:
    """What the voxels of the body's box are interpolated from, on the network's grid: int32 [3, 2]."""
    box = body_box_in_graph(volume, prepare)
    return tf.stack(
      [
        tf.stack(on_network_axis(box[number], axis.size, axis.network_size, axis.ratio))
        for number, axis in enumerate(axes)
      ]
    )

  def _classify_window(self, window: tf.Tensor) -> tf.Tensor:
    return self._classify(window[None, ..., None])[0]

  def _row_image(
    self, volume: tf.Tensor, prepare: Prepare, axes: list[VolumeAxis], start: tf.Tensor
  ) -> tf.Tensor:
    """The planes that a row of windows covers: whole numbers, float32 [patch z, rows, columns]."""
    depth = self.grid.patch_size[0]
    slabs = tf.TensorArray(tf.float32, size=slab_count(depth), infer_shape=False)
    for number in tf.range(slab_count(depth)):
      # In slabs, since one plane of the network's grid may take many planes of the volume.
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      slabs = slabs.write(number, self._planes(volume, prepare, axes, start + number * SLAB + tf.range(SLAB)))
    return tf.ensure_shape(slabs.concat()[:depth], [depth, None, None])

  def _planes(
    self, volume: tf.Tensor, prepare: Prepare, axes: list[VolumeAxis], planes: tf.Tensor
  ) -> tf.Tensor:
    """Planes of the network's grid, whole numbers, float32 [n, y', x']; planes beyond the last one are 0."""
    last = axes[0].network_size - 1
    centres = preprocess.positions(tf.minimum(planes, last), last + 1, axes[0].size, axes[0].ratio)
    images = slices_at(volume, 0, prepare, centres, axes[0].ratio)
    for image_axis, axis in enumerate(axes[1:], 1):
      images = resample_side(images, image_axis, axis.network_size, axis.ratio)
    return tf.round(images) * tf.cast(planes <= last, tf.float32)[:, None, None]
