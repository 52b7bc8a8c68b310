"""2-D networks applied to whole volumes, slice by slice."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from data.allowed import require_choice
from data.arrays import WantedSpacingMM
from data.batches.slices import SLICE_AXIS
from data.spacing import NATIVE
from data.stored import preprocess
from deeplab_panns.segmentation.in_graph_resampling import (
  require_wanted_spacing,
  resample_side,
  slices_at,
  spacing_ratios,
)
from deeplab_panns.segmentation.slabs import SLAB, Convert, Prepare, SlabSegmenter, slab_count, slab_indices


@dataclasses.dataclass(frozen=True)
class InputGrid:
  """How a 2-D network expects its slices.

  Attributes:
    view: axial, coronal or sagittal.
    slices_per_input: odd; neighbouring slices are the channels, and the middle one is labelled.
    spacing_mm: (z, y, x) of training; None where training kept each volume's own.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if a setting is not allowed.
  """

  view: str = "axial"
  slices_per_input: int = 3
  spacing_mm: WantedSpacingMM = NATIVE

  def __post_init__(self) -> None:
    require_choice("view", self.view, SLICE_AXIS)
    if self.slices_per_input < 1 or self.slices_per_input % 2 == 0:
      raise ValueError(f"slices_per_input={self.slices_per_input}: must be odd and at least 1")
    require_wanted_spacing(self.spacing_mm)


class SliceSegmenter(SlabSegmenter):
  """A 2-D network, float32 [batch, h, w, channels] to logits, applied to every slice of a volume.

  The network's input for each slice is resampled from the volume: in-plane to the spacing of training, and
  across the slices to neighbours at the distance of training. The probabilities are resampled back in-plane.
  """

  grid: InputGrid

  def __init__(self, network: tf.keras.Model, grid: InputGrid, class_count: int) -> None:
    super().__init__(network, grid, class_count, SLICE_AXIS[grid.view])
    self._sides = [side for side in range(3) if side != self.axis]

  def with_network(self, network: tf.keras.Model) -> SliceSegmenter:
    """The same segmenter with another network."""
    return SliceSegmenter(network, self.grid, self.class_count)

  def _slabs(
    self, volume: tf.Tensor, prepare: Prepare, spacing_mm: tf.Tensor, convert: Convert, dtype: tf.DType
  ) -> tf.TensorArray:
    ratios, sizes = spacing_ratios(self.grid.spacing_mm, spacing_mm), tf.shape(volume)
    depth = sizes[self.axis]
    outputs = tf.TensorArray(dtype, size=slab_count(depth), infer_shape=False)
    for number in tf.range(slab_count(depth)):
      # One at a time: TensorFlow would otherwise start ten slabs at once, which takes ten times the memory.
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      indices = slab_indices(number, depth)
      probabilities = self._classify(self._inputs(volume, prepare, indices, ratios))
      slab = self._back(probabilities, sizes, ratios)
      outputs = outputs.write(number, convert(number, 0, slab))
    return outputs

  def _inputs(
    self, volume: tf.Tensor, prepare: Prepare, indices: tf.Tensor, ratios: list[tf.Tensor]
  ) -> tf.Tensor:
    """The network's input for SLAB slices: float32 [SLAB, h', w', channels], whole numbers in [0, 255]."""
    channels, ratio, sizes = self.grid.slices_per_input, ratios[self.axis], tf.shape(volume)
    offsets = tf.cast(tf.range(channels) - channels // 2, tf.float64) * ratio
    centres = tf.reshape(tf.cast(indices, tf.float64)[:, None] + offsets[None, :], [-1])
    centres = tf.clip_by_value(centres, 0.0, tf.cast(sizes[self.axis] - 1, tf.float64))
    neighbours = slices_at(volume, self.axis, prepare, centres, ratio)
    for image_axis, side in enumerate(self._sides, 1):
      size_out = preprocess.resampled_size(sizes[side], 1.0, ratios[side])
      neighbours = resample_side(neighbours, image_axis, size_out, ratios[side])
    shape = tf.concat([[SLAB, channels], tf.shape(neighbours)[1:]], 0)
    inputs = tf.transpose(tf.reshape(tf.round(neighbours), shape), [0, 2, 3, 1])
    return tf.ensure_shape(inputs, [SLAB, None, None, channels])

  def _back(self, probabilities: tf.Tensor, sizes: tf.Tensor, ratios: list[tf.Tensor]) -> tf.Tensor:
    """Probabilities [SLAB, h', w', K + 1] resampled to the volume's own pixels, [SLAB, h, w, K + 1]."""
    for image_axis, side in enumerate(self._sides, 1):
      probabilities = resample_side(probabilities, image_axis, sizes[side], 1.0 / ratios[side])
    return tf.ensure_shape(probabilities, [SLAB, None, None, self.class_count])
