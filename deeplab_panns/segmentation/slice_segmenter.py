"""2-D networks over whole volumes, slice by slice."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from data.batches.slices import SLICE_AXIS
from data.stored import preprocess
from deeplab_panns.segmentation.in_graph_resampling import resample_side, slices_at, spacing_ratios
from deeplab_panns.segmentation.slabs import SLAB, SlabSegmenter, slab_count, slab_indices


@dataclasses.dataclass(frozen=True)
class InputGrid:
  """How a network wants its slices.

  Attributes:
    view: axial, coronal or sagittal.
    slices_per_input: neighbouring slices as channels.
    spacing_mm: (z, y, x) of training; None where it took each volume's own.
  """

  view: str
  slices_per_input: int
  spacing_mm: tuple[float | None, ...]


class SliceSegmenter(SlabSegmenter):
  """A 2-D network applied to every slice of a volume.

  For each slice the network's input is resampled from the volume, in-plane and to neighbours at the training
  distance; the probabilities are resampled back in-plane.
  """

  def __init__(self, network, grid: InputGrid, class_count: int):
    super().__init__(network, grid, class_count, SLICE_AXIS[grid.view])
    self._sides = [side for side in range(3) if side != self.axis]

  def with_network(self, network):
    return SliceSegmenter(network, self.grid, self.class_count)

  def _slabs(self, volume, prepare, spacing_mm, convert, dtype):
    ratios, sizes = spacing_ratios(self.grid.spacing_mm, spacing_mm), tf.shape(volume)
    depth = sizes[self.axis]
    outputs = tf.TensorArray(dtype, size=slab_count(depth), infer_shape=False)
    for number in tf.range(slab_count(depth)):
      # one at a time: TensorFlow would start ten slabs at once, with ten times their memory
      tf.autograph.experimental.set_loop_options(parallel_iterations=1)
      indices = slab_indices(number, depth)
      probabilities = self._classify(self._inputs(volume, prepare, indices, ratios))
      slab = self._back(probabilities, sizes, ratios)
      outputs = outputs.write(number, convert(number, 0, slab))
    return outputs

  def _inputs(self, volume, prepare, indices, ratios):
    """The network's input for some slices: float32 [SLAB, h', w', channels], whole numbers in [0, 255]."""
    channels, ratio, sizes = self.grid.slices_per_input, ratios[self.axis], tf.shape(volume)
    offsets = tf.cast(tf.range(channels) - channels // 2, tf.float64) * ratio
    centres = tf.reshape(tf.cast(indices, tf.float64)[:, None] + offsets[None, :], [-1])
    centres = tf.clip_by_value(centres, 0.0, tf.cast(sizes[self.axis] - 1, tf.float64))
    neighbours = slices_at(volume, self.axis, prepare, centres, ratio)
    for place, side in enumerate(self._sides, 1):
      size_out = preprocess.resampled_size(sizes[side], 1.0, ratios[side])
      neighbours = resample_side(neighbours, place, size_out, ratios[side])
    shape = tf.concat([[SLAB, channels], tf.shape(neighbours)[1:]], 0)
    inputs = tf.transpose(tf.reshape(tf.round(neighbours), shape), [0, 2, 3, 1])
    return tf.ensure_shape(inputs, [SLAB, None, None, channels])

  def _back(self, probabilities, sizes, ratios):
    """Probabilities [SLAB, h', w', K + 1] on the volume's own pixels."""
    for place, side in enumerate(self._sides, 1):
      probabilities = resample_side(probabilities, place, sizes[side], 1.0 / ratios[side])
    return tf.ensure_shape(probabilities, [SLAB, None, None, self.class_count])
