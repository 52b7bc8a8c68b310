"""Which examples of the global batch a replica holds, and sums over replicas where there is one."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.replicas import (
  first_of_all,
  global_positions,
  global_sum,
  own_part,
  positions_of_replica,
  replica_count,
)


def test_positions_by_hand():
  """Two replicas with three labelled and one partial example each: labelled 0 to 5, partial 6 and 7."""
  np.testing.assert_array_equal(positions_of_replica([3, 1], 0, 2), [0, 1, 2, 6])
  np.testing.assert_array_equal(positions_of_replica([3, 1], 1, 2), [3, 4, 5, 7])


@pytest.mark.parametrize("sizes, replicas", [([4], 3), ([6, 2], 4), ([1, 5], 2)])
def test_replicas_share_the_global_batch_among_them(sizes, replicas):
  positions = np.concatenate([positions_of_replica(sizes, replica, replicas) for replica in range(replicas)])
  np.testing.assert_array_equal(np.sort(positions), np.arange(sum(sizes) * replicas))


def test_one_replica_holds_the_batch_in_its_order():
  np.testing.assert_array_equal(global_positions([3, 2]), np.arange(5))


def test_outside_of_a_strategy_there_is_one_replica():
  assert replica_count() == 1
  np.testing.assert_array_equal(global_sum(tf.constant([1.0, 2.0])), [1, 2])


def test_one_replica_holds_the_whole_batch():
  values = tf.reshape(tf.range(12), [6, 2])
  np.testing.assert_array_equal(own_part(values), values)
  np.testing.assert_array_equal(first_of_all(values, 4), values[:4])
