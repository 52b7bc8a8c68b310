"""Volumes to labels: what evaluate, predict and the SavedModel all run."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from data.batches.slices import SLICE_AXIS
from data.stored import preprocess

# slices in flight; bounds the memory, and fixes the batch, so that a slice's labels never depend on the
# others
SLAB = 8
_SAME_MM = 1e-3  # relative difference below which two spacings are the same
_VOLUME = [
  tf.TensorSpec([None, None, None], tf.float32, "volume"),
  tf.TensorSpec([3], tf.float32, "spacing_mm"),
]
_STORED = [tf.TensorSpec([None, None, None], tf.uint8, "image"), tf.TensorSpec([3], tf.float32, "spacing_mm")]


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


class SlabSegmenter(tf.Module):
  """A network applied to a whole volume, slab by slab along one axis, on the volume's own grid.

  Subclasses say how by `_slabs`. Memory holds the volume, its labels and what is in flight, never K + 1 full
  volumes.

  Attributes:
    network: images in [0, 255] → logits; whatever is called as a Keras model is, and has `variables`.
    grid: how it wants its input. Segmenters of equal grids differ by their network alone.
    class_count: K + 1.
    axis: of the volume [z, y, x], along which slabs follow one another.
  """

  def __init__(self, network, grid, class_count: int, axis: int):
    super().__init__()
    self.network = network
    self.grid = grid
    self.class_count = class_count
    self.axis = axis

  def with_network(self, network):
    """The same segmenter of another network."""
    raise NotImplementedError

  @tf.function(input_signature=_VOLUME)
  def labels(self, volume, spacing_mm):
    """The class of every voxel.

    Args:
      volume: float32 [z, y, x] in HU, LPS order.
      spacing_mm: float32 (z, y, x).
    Returns:
      {"labels": uint8 [z, y, x]}: 0 background, 1 + the organ's place in the list.
    """
    return {"labels": self._collect(volume, preprocess.window, spacing_mm, keep_probabilities=False)}

  @tf.function(input_signature=_VOLUME)
  def probabilities(self, volume, spacing_mm):
    """As `labels`, but {"probabilities": float16 [z, y, x, K + 1]}; mind the size."""
    return {"probabilities": self._collect(volume, preprocess.window, spacing_mm, keep_probabilities=True)}

  @tf.function(input_signature=_STORED)
  def stored_labels(self, image, spacing_mm):
    """As `labels` for an image of the store: windowed already. Returns uint8 [z, y, x]."""
    return self._collect(image, _windowed_already, spacing_mm, keep_probabilities=False)

  def streaming(self, sink, dtype):
    """A function that hands the probabilities to Python in blocks, where `probabilities` returns them at
    once.

    Args:
      sink: called with a slab's number, its first row, and float32 [SLAB, rows, columns, K + 1]: slices
        number * SLAB and following along `axis`, the volume's other two axes in their order. The last slab
        repeats the last slice to be whole; first rows are multiples of SLAB.
      dtype: tf.float32 for volumes in HU, tf.uint8 for images of the store.
    Returns:
      A function of volume [z, y, x] and spacing_mm; it cannot be exported.
    """

    def handed_on(number, row, block):
      sink(int(number), int(row), block)
      return np.zeros([*block.shape[:2], 0], np.uint8)  # nothing is kept

    def convert(*block):
      return tf.ensure_shape(tf.numpy_function(handed_on, block, tf.uint8), [SLAB, None, 0])

    @tf.function(input_signature=_VOLUME if dtype == tf.float32 else _STORED)
    def stream(volume, spacing_mm):
      prepare = preprocess.window if dtype == tf.float32 else _windowed_already
      return self._slabs(volume, prepare, spacing_mm, convert, tf.uint8).concat()

    return stream

  def _collect(self, volume, prepare, spacing_mm, keep_probabilities):
    """The classes, uint8 [z, y, x], or the probabilities, float16 [z, y, x, K + 1], of every voxel."""

    def convert(number, row, block):
      if keep_probabilities:
        return tf.cast(block, tf.float16)
      return tf.cast(tf.argmax(block, axis=-1, output_type=tf.int32), tf.uint8)

    slabs = self._slabs(volume, prepare, spacing_mm, convert, tf.float16 if keep_probabilities else tf.uint8)
    slices = slabs.concat()[: tf.shape(volume)[self.axis]]
    if self.axis == 0:
      return slices
    order = {1: [1, 0, 2], 2: [1, 2, 0]}[self.axis]
    return tf.transpose(slices, order + [3] if keep_probabilities else order)

  def _slabs(self, volume, prepare, spacing_mm, convert, dtype) -> Any:
    """Runs the network over a volume.

    Args:
      prepare: some slices of the volume → float32 in [0, 255]. Called slab by slab: a windowed copy of the
        whole volume would be the largest thing in memory.
      convert: (number of the slab, first row, probabilities float32 [SLAB, rows, columns, K + 1]) → what to
        keep, [SLAB, rows, ...].
      dtype: of what `convert` returns.
    Returns:
      A TensorArray of all that `convert` returned, [slices, rows, ...], in the order of the slices.
    """
    raise NotImplementedError

  def _classify(self, inputs):
    """Probabilities, float32 also where the network computes in half precision."""
    return tf.nn.softmax(tf.cast(self.network(inputs, training=False), tf.float32))


class Segmenter(SlabSegmenter):
  """A 2-D network applied to every slice of a volume.

  For each slice the network's input is resampled from the volume, in-plane and to neighbours at the training
  distance; the probabilities are resampled back in-plane.
  """

  def __init__(self, network, grid: InputGrid, class_count: int):
    super().__init__(network, grid, class_count, SLICE_AXIS[grid.view])
    self._sides = [side for side in range(3) if side != self.axis]

  def with_network(self, network):
    return Segmenter(network, self.grid, self.class_count)

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


def slab_count(depth):
  """Slabs of a volume of `depth` slices, the last one perhaps not full."""
  return (depth + SLAB - 1) // SLAB


def slab_indices(number, depth):
  """int32 [SLAB]: the slices of a slab; the last one again where the volume ends before the slab does."""
  return tf.minimum(number * SLAB + tf.range(SLAB), depth - 1)


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


def _windowed_already(image):
  return tf.cast(image, tf.float32)


def segment_stored(segmenter, case):
  """Labels of a stored case on the store's grid: uint8 [z, y, x]."""
  image = tf.constant(np.asarray(case.image()))
  return segmenter.stored_labels(image, tf.constant(case.spacing_mm, tf.float32)).numpy()
