"""Sums over all replicas, and which examples of the global batch a replica holds.

Inside `tf.distribute.Strategy.run` there are as many replicas as the strategy has devices; elsewhere there is
one. What the method keeps besides the network (dual variables, alignment, teacher, first bad step) moves by
global sums alone, so every replica writes the same value into its own copy and none has to be exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_COPIES = {
  "synchronization": tf.VariableSynchronization.AUTO,
  "aggregation": tf.VariableAggregation.NONE,
}


class ReplicatedMean(tf.keras.metrics.Mean):
  """The mean of what all replicas agree on: each keeps its own, so that reading one exchanges nothing."""

  def add_weight(self, *args: Any, **settings: Any) -> tf.Variable:
    return super().add_weight(*args, **{**settings, **_COPIES})


class ReplicatedMeanTensor(tf.keras.metrics.MeanTensor):
  """As ReplicatedMean, element by element."""

  def add_weight(self, *args: Any, **settings: Any) -> tf.Variable:
    return super().add_weight(*args, **{**settings, **_COPIES})


def replica_count() -> int:
  """How many replicas take this step together."""
  return tf.distribute.get_strategy().num_replicas_in_sync


def value_of(variable: tf.Variable) -> int:
  """A whole number that all replicas agree on, read on the host."""
  return int(tf.convert_to_tensor(variable))


def global_sum(value: Any) -> Any:
  """The sum of a tensor, or of each in a list, over all replicas; the value itself where there is one."""
  return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def global_positions(sizes: Sequence[int]) -> tf.Tensor:
  """`positions_of_replica` of the replica that calls it."""
  context = tf.distribute.get_replica_context()
  return positions_of_replica(sizes, context.replica_id_in_sync_group, context.num_replicas_in_sync)


def positions_of_replica(sizes: Sequence[int], replica: int | tf.Tensor, replicas: int) -> tf.Tensor:
  """Positions of one replica's examples in the global batch.

  The global batch holds the first group of all replicas (the labelled examples), then the second (the partial
  ones): replica 0's part of a group, then replica 1's, and so on.

  Args:
    sizes: examples of each group on one replica; all replicas hold as many.
    replica: the replica's number, from 0.
    replicas: how many there are.
  Returns:
    int32 [sum of `sizes`].
  """
  first, positions = 0, []
  for size in sizes:
    positions.append(first + replica * size + tf.range(size))
    first += replicas * size
  return tf.concat(positions, axis=0)


def own_part(of_all: tf.Tensor) -> tf.Tensor:
  """This replica's rows of what is the same on all.

  Args:
    of_all: [replicas · n, ...], static shape.
  Returns:
    [n, ...].
  """
  replicas = replica_count()
  if replicas == 1:
    return of_all
  size, *rest = of_all.shape
  replica = tf.distribute.get_replica_context().replica_id_in_sync_group
  return tf.slice(of_all, [replica * (size // replicas)] + [0] * len(rest), [size // replicas, *rest])


def first_of_all(values: tf.Tensor, count: int) -> tf.Tensor:
  """The first examples of a group of the global batch, wherever they are held.

  Args:
    values: [n, ...], this replica's part of the group; whole numbers up to 2²⁴ or float32.
    count: at most n · replicas.
  Returns:
    [count, ...] of the same dtype, the same on all replicas.
  """
  if replica_count() == 1:
    return values[:count]
  size = values.shape[0]
  rows = tf.range(count) - tf.distribute.get_replica_context().replica_id_in_sync_group * size
  held = tf.reshape(tf.logical_and(rows >= 0, rows < size), [-1] + [1] * (len(values.shape) - 1))
  own = tf.cast(tf.gather(values, tf.clip_by_value(rows, 0, size - 1)), tf.float32)
  return tf.cast(global_sum(tf.where(held, own, tf.zeros_like(own))), values.dtype)
