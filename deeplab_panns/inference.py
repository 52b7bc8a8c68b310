"""Volumes to labels: what evaluate, predict and the SavedModel all run."""
from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from data import preprocess
from data.slices import SLICE_AXIS

SLAB = 8  # slices in flight; bounds the memory, and fixes the batch, so that a slice's labels never depend on the others
_SAME_MM = 1e-3  # relative difference below which two spacings are the same


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


class Segmenter(tf.Module):
  """A 2-D network applied to every slice of a volume, on the volume's own grid.

  For each slice the network's input is resampled from the volume, in-plane and to neighbours at the training
  distance; the probabilities are resampled back in-plane. So memory holds the volume, its labels and one slab of
  probabilities, never K + 1 full volumes.
  """

  def __init__(self, network: tf.keras.Model, grid: InputGrid, class_count: int):
    super().__init__()
    self.network = network
    self._grid = grid
    self._class_count = class_count
    self._axis = SLICE_AXIS[grid.view]

  @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32, "volume"),
                                tf.TensorSpec([3], tf.float32, "spacing_mm")])
  def labels(self, volume, spacing_mm):
    """The class of every voxel.

    Args:
      volume: float32 [z, y, x] in HU, LPS order.
      spacing_mm: float32 (z, y, x).
    Returns:
      {"labels": uint8 [z, y, x]}: 0 background, 1 + the organ's place in the list.
    """
    return {"labels": self._run(preprocess.window(volume), spacing_mm, False)}

  @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32, "volume"),
                                tf.TensorSpec([3], tf.float32, "spacing_mm")])
  def probabilities(self, volume, spacing_mm):
    """As `labels`, but {"probabilities": float16 [z, y, x, K + 1]}; mind the size."""
    return {"probabilities": self._run(preprocess.window(volume), spacing_mm, True)}

  @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.uint8), tf.TensorSpec([3], tf.float32)])
  def stored_labels(self, image, spacing_mm):
    """As `labels` for an image of the store: windowed already. Returns uint8 [z, y, x]."""
    return self._run(tf.cast(image, tf.float32), spacing_mm, False)

  def _run(self, image, spacing_mm, keep_probabilities):
    slices = _slices_first(image, self._axis)
    ratios = self._ratios(spacing_mm)
    sizes = tf.shape(slices)
    network_sizes = [preprocess.resampled_size(sizes[1 + side], 1.0, ratios[1 + side]) for side in range(2)]
    starts = tf.range(0, sizes[0], SLAB)
    outputs = tf.TensorArray(tf.float16 if keep_probabilities else tf.uint8, size=tf.size(starts), infer_shape=False)
    for number in tf.range(tf.size(starts)):
      indices = tf.minimum(starts[number] + tf.range(SLAB), sizes[0] - 1)
      inputs = self._inputs(slices, indices, ratios, network_sizes)
      slab = self._back(tf.nn.softmax(self.network(inputs, training=False)), sizes, ratios)
      slab = tf.cast(slab, tf.float16) if keep_probabilities else tf.cast(tf.argmax(slab, axis=-1), tf.uint8)
      outputs = outputs.write(number, slab)
    return _slices_back(outputs.concat()[:sizes[0]], self._axis, keep_probabilities)

  def _ratios(self, spacing_mm):
    """Training spacing over the volume's, slice axis first; exactly 1 where they are the same."""
    axes = [self._axis] + [axis for axis in range(3) if axis != self._axis]
    ratios = []
    for axis in axes:
      wanted = self._grid.spacing_mm[axis]
      ratio = tf.constant(1.0, tf.float64) if wanted is None else wanted / tf.cast(spacing_mm[axis], tf.float64)
      ratios.append(tf.where(tf.abs(ratio - 1.0) < _SAME_MM, tf.constant(1.0, tf.float64), ratio))
    return ratios

  def _inputs(self, slices, indices, ratios, network_sizes):
    """The network's input for some slices: float32 [SLAB, h', w', channels], whole numbers in [0, 255]."""
    channels = self._grid.slices_per_input
    offsets = tf.cast(tf.range(channels) - channels // 2, tf.float64) * ratios[0]
    centres = tf.reshape(tf.cast(indices, tf.float64)[:, None] + offsets[None, :], [-1])
    last = tf.shape(slices)[0] - 1
    centres = tf.clip_by_value(centres, 0.0, tf.cast(last, tf.float64))
    reach = tf.maximum(ratios[0], 1.0)
    low = tf.maximum(tf.cast(tf.floor(tf.reduce_min(centres) - reach), tf.int32), 0)
    high = tf.minimum(tf.cast(tf.math.ceil(tf.reduce_max(centres) + reach), tf.int32), last)
    neighbours = tf.tensordot(preprocess.weights(centres, tf.range(low, high + 1), ratios[0]), slices[low:high + 1], 1)
    for side in range(2):
      neighbours = _resample_side(neighbours, 1 + side, network_sizes[side], ratios[1 + side])
    shape = tf.concat([[SLAB, channels], tf.shape(neighbours)[1:]], 0)
    inputs = tf.transpose(tf.reshape(tf.round(neighbours), shape), [0, 2, 3, 1])
    return tf.ensure_shape(inputs, [SLAB, None, None, channels])

  def _back(self, probabilities, sizes, ratios):
    """Probabilities [SLAB, h', w', K + 1] on the volume's own pixels."""
    for side in range(2):
      probabilities = _resample_side(probabilities, 1 + side, sizes[1 + side], 1.0 / ratios[1 + side])
    return tf.ensure_shape(probabilities, [SLAB, None, None, self._class_count])


def _resample_side(images, axis, size_out, ratio):
  """Resamples axis 1 or 2 of [n, h, w] or [n, h, w, channels] to `size_out`; untouched where the ratio is 1."""
  def resampled():
    matrix = preprocess.axis_matrix(tf.shape(images)[axis], size_out, ratio)
    equation = {1: "oh,nhw...->now...", 2: "ow,nhw...->nho..."}[axis]
    return tf.einsum(equation, matrix, images)

  return tf.cond(tf.equal(ratio, 1.0), lambda: images, resampled)


def _slices_first(volume, axis):
  return tf.transpose(volume, {0: [0, 1, 2], 1: [1, 0, 2], 2: [2, 0, 1]}[axis])


def _slices_back(volume, axis, has_channels):
  order = {0: [0, 1, 2], 1: [1, 0, 2], 2: [1, 2, 0]}[axis]
  return tf.transpose(volume, order + [3] if has_channels else order)


def segment_stored(segmenter: Segmenter, case):
  """Labels of a stored case on the store's grid: uint8 [z, y, x]."""
  image = tf.constant(np.asarray(case.image()))
  return segmenter.stored_labels(image, tf.constant(case.spacing_mm, tf.float32)).numpy()
