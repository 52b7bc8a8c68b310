"""Mean and variance over the batch of all replicas, exact and in one exchange.

Keras' synchronized batch norm adds up x and x² and takes E[x²] − E[x]²: in float32 that loses the digits of a
variance that is small beside the mean. Here every replica works out its own mean and variance in two passes;
what is exchanged is one row of numbers for each replica, and replicas hold equally many examples.
"""

from __future__ import annotations

import tensorflow as tf


def replica_count() -> int:
  """How many replicas take this step together."""
  return tf.distribute.get_strategy().num_replicas_in_sync


def global_moments(features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Mean, variance and size of the batch that all replicas hold together.

  Args:
    features: [batch, ..., channels] of this replica, of the same shape on every other; call it within the
      replica's own step.
  Returns:
    float32 [channels] mean, and variance divided by N; the gradient passes through both. N, a float32
    scalar: values a channel, of all replicas.
  """
  features = tf.cast(features, tf.float32)
  mean, variance = tf.nn.moments(features, list(range(features.shape.rank - 1)))
  means, variances = tf.unstack(_rows(tf.stack([mean, variance])), axis=1)
  global_mean = tf.reduce_mean(means, axis=0)
  between = tf.reduce_mean(tf.math.squared_difference(means, global_mean), axis=0)
  count = tf.cast(tf.size(features) // features.shape[-1], tf.float32) * replica_count()
  return global_mean, tf.reduce_mean(variances, axis=0) + between, count


def _rows(values: tf.Tensor) -> tf.Tensor:
  """[replicas, ...]: the `values` of each; by a sum, which TPUs have, and to which zeros add nothing."""
  context = tf.distribute.get_replica_context()
  own = tf.one_hot(context.replica_id_in_sync_group, replica_count())
  rows = tf.reshape(own, [-1] + [1] * values.shape.rank) * values[None]
  return context.all_reduce(tf.distribute.ReduceOp.SUM, rows)


def normalized(
  features: tf.Tensor,
  mean: tf.Tensor,
  variance: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  epsilon: float,
) -> tf.Tensor:
  """(features − mean) / √(variance + ε) · γ + β in float32, put out in the dtype of `features`.

  Plain operations: the fused kernel has no form for statistics that are given and differentiated.
  """
  scaled = (tf.cast(features, tf.float32) - mean) * (gamma * tf.math.rsqrt(variance + epsilon)) + beta
  return tf.cast(scaled, features.dtype)
