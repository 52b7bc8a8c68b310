"""Batch normalization of images: Keras' own on one device, the same numbers on many."""

from __future__ import annotations

import tensorflow as tf

from dltk_unet.batch_norm import ReplicatedStatistics, has_gpu
from dltk_unet.global_moments import replica_count


@tf.keras.utils.register_keras_serializable(package="panns")
class BatchNorm(ReplicatedStatistics):
  """Keras' BatchNormalization, which on several replicas takes the statistics of the global batch.

  [batch, height, width, channels] to the same. On one device it is Keras' layer to the bit. Keras' own
  `synchronized=True` is another layer there: its moving variance is that of N, the fused kernel's that of
  N − 1.
  """

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    if training and self.trainable and replica_count() > 1:
      return self.normalize_by_global_batch(inputs, as_fused=True)
    if training and not self.trainable and has_gpu():
      return self.normalize_frozen(inputs)
    return super().call(inputs, training=training)
