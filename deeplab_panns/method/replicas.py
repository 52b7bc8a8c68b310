"""Sums over all replicas, and which examples of the global batch a replica holds.

Inside `tf.distribute.Strategy.run` there are as many replicas as the strategy has devices; elsewhere there is
one.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def replica_count() -> int:
  """How many replicas take this step together."""
  return tf.distribute.get_strategy().num_replicas_in_sync


def global_sum(value: tf.Tensor) -> tf.Tensor:
  """The sum of `value` over all replicas; the value itself where there is one."""
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
