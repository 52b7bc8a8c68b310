"""Whole volumes segmented slab by slab: what 2-D and 3-D networks share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import tensorflow as tf

from data.arrays import Floats
from data.stored import preprocess

# Slices in flight. A fixed number bounds the memory, and it fixes the batch, so that the labels of a slice
# never depend on how many others there are.
SLAB = 8

_VOLUME = [
  tf.TensorSpec([None, None, None], tf.float32, "volume"),
  tf.TensorSpec([3], tf.float32, "spacing_mm"),
]
_STORED = [tf.TensorSpec([None, None, None], tf.uint8, "image"), tf.TensorSpec([3], tf.float32, "spacing_mm")]

Prepare = Callable[[tf.Tensor], tf.Tensor]
"""Maps some slices of a volume to what the network reads: float32 in [0, 255]."""
Convert = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""Maps (slab index, first row, probabilities float32 [SLAB, rows, columns, K + 1]) to what is kept of the
probabilities, [SLAB, rows, ...]."""
Sink = Callable[[int, int, Floats], None]
"""Receives (slab index, first row, probabilities float32 [SLAB, rows, columns, K + 1])."""


class SlabSegmenter(tf.Module):
  """A network applied to a whole volume, slab by slab along one axis; labels lie on the volume's own grid.

  Subclasses implement `_slabs`. Memory holds the volume, its labels and the slabs in flight, but never K + 1
  maps of the volume's size.

  Attributes:
    network: maps images in [0, 255] to logits; a Keras model, or what is called like one and has `variables`.
    grid: how the network expects its input. Segmenters of equal grids differ only in their networks.
    class_count: K + 1, the organs and the background.
    axis: the axis of the volume [z, y, x] along which the slabs follow one another.
  """

  def __init__(self, network: tf.keras.Model, grid: Hashable, class_count: int, axis: int) -> None:
    super().__init__()
    self.network = network
    self.grid = grid
    self.class_count = class_count
    self.axis = axis

  def with_network(self, network: tf.keras.Model) -> SlabSegmenter:
    """The same segmenter with another network."""
    raise NotImplementedError

  @tf.function(input_signature=_VOLUME)
  def labels(self, volume: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]:
    """The class of every voxel.

    Args:
      volume: float32 [z, y, x] in HU; x grows to the patient's left, y to posterior, z to superior (LPS).
      spacing_mm: float32 [3], (z, y, x).
    Returns:
      {"labels": uint8 [z, y, x]}: 0 is background, 1 + i is the organ at index i of the organ list.
    """
    return {"labels": self._collect(volume, preprocess.window, spacing_mm, keep_probabilities=False)}

  @tf.function(input_signature=_VOLUME)
  def probabilities(self, volume: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]:
    """As `labels`, but returns {"probabilities": float16 [z, y, x, K + 1]}, which may be several GB."""
    return {"probabilities": self._collect(volume, preprocess.window, spacing_mm, keep_probabilities=True)}

  @tf.function(input_signature=_STORED)
  def stored_labels(self, image: tf.Tensor, spacing_mm: tf.Tensor) -> tf.Tensor:
    """As `labels`, but for an image of the store, to which the HU window is already applied.

    Args:
      image: uint8 [z, y, x].
      spacing_mm: float32 [3], (z, y, x).
    Returns:
      uint8 [z, y, x].
    """
    return self._collect(image, _windowed_already, spacing_mm, keep_probabilities=False)

  def streaming(self, sink: Sink, dtype: tf.DType) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function that hands the probabilities to Python block by block, where `probabilities` returns all.

    Args:
      sink: is called with a slab's index, the block's first row, and float32 [SLAB, rows, columns, K + 1]:
        the slices from index * SLAB on along `axis`, with the volume's other two axes in their order. Where
        the volume ends within the last slab, its last slice is repeated. First rows are multiples of SLAB.
      dtype: tf.float32 for volumes in HU, tf.uint8 for images of the store.
    Returns:
      A function of a volume [z, y, x] and its spacing_mm; it cannot be exported.
    """

    def handed_on(number: Any, row: Any, block: Floats) -> Any:
      sink(int(number), int(row), block)
      return np.zeros([*block.shape[:2], 0], np.uint8)  # nothing is kept in the graph

    def convert(*block: tf.Tensor) -> tf.Tensor:
      return tf.ensure_shape(tf.numpy_function(handed_on, block, tf.uint8), [SLAB, None, 0])

    @tf.function(input_signature=_VOLUME if dtype == tf.float32 else _STORED)
    def stream(volume: tf.Tensor, spacing_mm: tf.Tensor) -> tf.Tensor:
      prepare = preprocess.window if dtype == tf.float32 else _windowed_already
      return self._slabs(volume, prepare, spacing_mm, convert, tf.uint8).concat()

    return stream

  def _collect(
    self, volume: tf.Tensor, prepare: Prepare, spacing_mm: tf.Tensor, keep_probabilities: bool
  ) -> tf.Tensor:
    """The class of every voxel, uint8 [z, y, x], or its probabilities, float16 [z, y, x, K + 1]."""

    def convert(number: tf.Tensor, row: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
      if keep_probabilities:
        return tf.cast(block, tf.float16)
      return tf.cast(tf.argmax(block, axis=-1, output_type=tf.int32), tf.uint8)

    slabs = self._slabs(volume, prepare, spacing_mm, convert, tf.float16 if keep_probabilities else tf.uint8)
    slices = slabs.concat()[: tf.shape(volume)[self.axis]]
    if self.axis == 0:
      return slices
    order = {1: [1, 0, 2], 2: [1, 2, 0]}[self.axis]
    return tf.transpose(slices, order + [3] if keep_probabilities else order)

  def _slabs(
    self, volume: tf.Tensor, prepare: Prepare, spacing_mm: tf.Tensor, convert: Convert, dtype: tf.DType
  ) -> tf.TensorArray:
    """Runs the network over a volume.

    Args:
      prepare: is called slab by slab: a windowed copy of the whole volume would be the largest tensor in
        memory.
      convert: decides what is kept of the probabilities.
      dtype: of what `convert` returns.
    Returns:
      A TensorArray of all that `convert` returned, [slices, rows, ...], in the order of the slices.
    """
    raise NotImplementedError

  def _classify(self, inputs: tf.Tensor) -> tf.Tensor:
    """Probabilities, in float32 even where the network computes in half precision."""
    return tf.nn.softmax(tf.cast(self.network(inputs, training=False), tf.float32))


def slab_count(depth: tf.Tensor) -> tf.Tensor:
  """How many slabs hold `depth` slices; the last one may be only partly filled."""
  return (depth + SLAB - 1) // SLAB


def slab_indices(number: tf.Tensor, depth: tf.Tensor) -> tf.Tensor:
  """The slices in the slab of index `number`, int32 [SLAB]; the last of the `depth` slices is repeated where
  the volume ends within the slab."""
  return tf.minimum(number * SLAB + tf.range(SLAB), depth - 1)


def _windowed_already(image: tf.Tensor) -> tf.Tensor:
  return tf.cast(image, tf.float32)
