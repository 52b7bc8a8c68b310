"""Volumes to labels: what evaluate, predict and the SavedModel all run."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from data.stored import preprocess

# slices in flight; bounds the memory, and fixes the batch, so that a slice's labels never depend on the
# others
SLAB = 8
_VOLUME = [
  tf.TensorSpec([None, None, None], tf.float32, "volume"),
  tf.TensorSpec([3], tf.float32, "spacing_mm"),
]
_STORED = [tf.TensorSpec([None, None, None], tf.uint8, "image"), tf.TensorSpec([3], tf.float32, "spacing_mm")]


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


def slab_count(depth):
  """Slabs of a volume of `depth` slices, the last one perhaps not full."""
  return (depth + SLAB - 1) // SLAB


def slab_indices(number, depth):
  """int32 [SLAB]: the slices of a slab; the last one again where the volume ends before the slab does."""
  return tf.minimum(number * SLAB + tf.range(SLAB), depth - 1)


def _windowed_already(image):
  return tf.cast(image, tf.float32)


def segment_stored(segmenter, case):
  """Labels of a stored case on the store's grid: uint8 [z, y, x]."""
  image = tf.constant(np.asarray(case.image()))
  return segmenter.stored_labels(image, tf.constant(case.spacing_mm, tf.float32)).numpy()
