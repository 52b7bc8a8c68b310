"""Batch norm of volumes against Keras' own, on one replica and on two."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dltk_unet.batch_norm import BatchNorm

# Prints the largest difference between what one replica and two (CPUs) have learnt after three steps.
TWO_REPLICAS = """
import numpy as np
import tensorflow as tf
from dltk_unet.batch_norm import BatchNorm
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
volume = tf.random.stateless_normal([4, 3, 4, 5, 2], (0, 0), mean=1.0)
weight = tf.random.stateless_normal([4, 3, 4, 5, 2], (1, 0))

def learnt(strategy, replicas):
  with strategy.scope():
    layer = BatchNorm(momentum=0.5)
    layer.build(volume.shape)
    optimizer = tf.keras.optimizers.legacy.SGD(0.01)
  def step():
    own = slice(None)
    if replicas > 1:
      replica = tf.distribute.get_replica_context().replica_id_in_sync_group
      own = slice(replica * 4 // replicas, (replica + 1) * 4 // replicas)
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(layer(volume[own], training=True) ** 2 * weight[own])
    optimizer.apply_gradients(zip(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables))
  run = tf.function(lambda: strategy.run(step))
  for _ in range(3):
    run()
  return layer.get_weights()

one = learnt(tf.distribute.get_strategy(), 1)
two = learnt(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), 2)
print(max(np.abs(a - b).max() for a, b in zip(one, two)))
"""


def random_volume(*shape, seed=0, mean=0.0):
  return tf.random.stateless_normal(shape, seed=(seed, 0), mean=mean)


@pytest.fixture(scope="module")
def batch_norms():
  """This project's and Keras' plain batch norm, of the same weights, after the same two batches."""
  ours, keras = BatchNorm(momentum=0.9), tf.keras.layers.BatchNormalization(momentum=0.9, fused=False)
  for layer in (ours, keras):
    layer.build([None, None, None, None, 3])
    layer.gamma.assign([0.5, 1.0, 2.0])
    layer.beta.assign([1.0, 0.0, -1.0])
    for seed in range(2):
      layer(random_volume(2, 2, 3, 2, 3, seed=seed, mean=2.0), training=True)
  return ours, keras


def test_batch_norm_has_the_defaults_of_keras():
  ours, keras = BatchNorm(), tf.keras.layers.BatchNormalization()
  assert (ours.momentum, ours.epsilon) == (keras.momentum, keras.epsilon) == (0.99, 1e-3)


def test_batch_norm_learns_the_moving_statistics_that_plain_batch_norm_learns(batch_norms):
  # 24 voxels a channel: the fused kernel's N / (N - 1) would show as 4 %.
  ours, keras = batch_norms
  for one, other in zip(ours.get_weights(), keras.get_weights()):
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_its_gradients_are_those_of_plain_batch_norm(batch_norms, training):
  volume, weight = random_volume(3, 4, 3, 2, 3, seed=5, mean=1.0), random_volume(3, 4, 3, 2, 3, seed=6)
  results = []
  for layer in batch_norms:
    state = layer.get_weights()
    with tf.GradientTape() as tape:
      tape.watch(volume)
      normalized = layer(volume, training=training)
      loss = tf.reduce_sum(normalized * weight)
    results.append([normalized, *tape.gradient(loss, [volume, layer.gamma, layer.beta])])
    layer.set_weights(state)
  for one, other in zip(*results):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_frozen_batch_norm_neither_uses_nor_learns_the_batch():
  layer = BatchNorm()
  layer.build([None, None, None, None, 2])
  layer.trainable = False
  volume = random_volume(2, 2, 2, 2, 2, mean=3.0)
  np.testing.assert_allclose(layer(volume, training=True), volume / np.sqrt(1 + 1e-3), rtol=1e-5)
  np.testing.assert_array_equal(layer.moving_mean, [0, 0])


def test_batch_norm_of_unknown_sizes():
  layer, volume = BatchNorm(), random_volume(2, 2, 3, 4, 2)
  layer.build([None, None, None, None, 2])

  def trained(*shape):
    return tf.function(lambda volume: layer(volume, training=True), [tf.TensorSpec(shape)])

  dynamic, static = trained(None, None, None, None, 2), trained(2, 2, 3, None, 2)
  np.testing.assert_allclose(dynamic(volume), layer(volume, training=True), atol=1e-6)
  assert static.get_concrete_function().output_shapes.as_list() == [2, 2, 3, None, 2]


@pytest.mark.slow
def test_batch_norm_on_two_replicas_learns_what_it_learns_on_one():
  result = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, check=False)
  assert result.returncode == 0, result.stderr
  assert float(result.stdout) < 1e-5
