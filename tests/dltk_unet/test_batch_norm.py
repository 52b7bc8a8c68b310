"""Batch norm of volumes against Keras' own; tests/deeplab_panns/distribution has several replicas."""

import numpy as np
import pytest
import tensorflow as tf

from dltk_unet.batch_norm import BatchNorm


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
