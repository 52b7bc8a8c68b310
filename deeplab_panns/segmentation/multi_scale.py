"""A 2-D network applied to its images at several sizes, a few images at a time."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class MultiScaleNetwork(tf.Module):
  """A network as one whose softmax is the mean of its probabilities over several sizes of the image.

  The image is resized to int((n - 1) · s + 1) pixels a side, the logits back to n, and the mean is over their
  softmax, as tensorflow/models `research/deeplab` tests with eval_scales ("corners aligned": pixel i of the
  image is pixel i · s of the resized one). The paper tests at .75, 1, 1.25, 1.5, 1.75 and 2.
  """

  def __init__(self, network: tf.keras.Model, scales: Sequence[float], pixels_at_once: int | None) -> None:
    """
    Args:
      network: float32 [batch, height, width, channels] in [0, 255] to logits of the same size.
      scales: at least one, each above 0.
      pixels_at_once: how many pixels the network is given at a time, rounded down to whole images but at
        least one; it bounds the memory, as large scales would otherwise multiply it. None: the whole batch.
    """
    super().__init__()
    self.network = network
    self.scales = tuple(scales)
    self.pixels_at_once = pixels_at_once

  def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    """The logarithm of the mean probability, float32 [batch, height, width, classes], as logits.

    The sizes of the classes' axis must be known: the network says it.
    """
    del training  # volumes are segmented; nothing trains through this
    total = 0.0
    for scale in self.scales:
      # Each scale waits for the sum of those before it. Otherwise TensorFlow would run all of them at once,
      # and hold the activations of all.
      with tf.control_dependencies([total] if tf.is_tensor(total) else []):
        images = tf.identity(images)
      total += self._at(images, scale)
    if len(self.scales) > 1:
      total /= len(self.scales)
    return tf.math.log(total)

  def _at(self, images: tf.Tensor, scale: float) -> tf.Tensor:
    """Probabilities at one scale, resized to the images."""
    if self.pixels_at_once is None:
      return self._resized_probabilities(images, scale)
    shape = tf.shape(images)
    count, sides = shape[0], _scaled(shape[1:3], scale)
    at_once = tf.clip_by_value(self.pixels_at_once // tf.maximum(1, sides[0] * sides[1]), 1, count)
    pieces = (count + at_once - 1) // at_once
    outputs = tf.TensorArray(tf.float32, size=pieces, infer_shape=False)

    def add(piece: tf.Tensor, outputs: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
      part = images[piece * at_once : (piece + 1) * at_once]
      return piece + 1, outputs.write(piece, self._resized_probabilities(part, scale))

    outputs = tf.while_loop(lambda piece, _: piece < pieces, add, (0, outputs), parallel_iterations=1)[1]
    classes = self._classes(images)
    return tf.ensure_shape(outputs.concat(), [images.shape[0], None, None, classes])

  def _classes(self, images: tf.Tensor) -> int | None:
    output = getattr(self.network, "output_shape", None)
    return None if output is None else output[-1]

  def _resized_probabilities(self, images: tf.Tensor, scale: float) -> tf.Tensor:
    sides = tf.shape(images)[1:3]
    resized = images if scale == 1 else _resize(images, _scaled(sides, scale))
    logits = tf.cast(self.network(resized, training=False), tf.float32)
    return tf.nn.softmax(logits if scale == 1 else _resize(logits, sides))


def _scaled(sides: tf.Tensor, scale: float) -> tf.Tensor:
  """int((n - 1) · s + 1), at least 1."""
  return tf.maximum(1, tf.cast(tf.cast(sides - 1, tf.float64) * scale + 1.0, tf.int32))


def _resize(images: tf.Tensor, sides: tf.Tensor) -> tf.Tensor:
  return tf.compat.v1.image.resize(images, sides, method="bilinear", align_corners=True)
