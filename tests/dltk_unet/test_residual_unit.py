"""The residual unit, its shortcut, and the batch norm in it."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dltk_unet.batch_norm import BatchNorm
from dltk_unet.residual_unit import PadChannels, residual_unit, shortcut

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
      place = tf.distribute.get_replica_context().replica_id_in_sync_group
      own = slice(place * 4 // replicas, (place + 1) * 4 // replicas)
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


def unit(channels, filters, strides=(1, 1, 1), activation_kind="leaky_relu"):
  features = tf.keras.Input([None, None, None, channels])
  return tf.keras.Model(features, residual_unit(features, filters, "unit", strides, activation_kind))


def counts(model):
  def number(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)

  return number(model.trainable_weights), number(model.non_trainable_weights)


@pytest.mark.parametrize(
  "channels, filters, strides, taps",
  [
    (16, 32, (2, 2, 2), 64),
    (6, 6, (1, 1, 1), 27),
    (9, 4, (1, 1, 1), 27),
    (3, 8, (1, 2, 2), 48),
    (3, 5, (1, 2, 4), 96),
  ],
)
def test_weights_are_as_many_as_the_formula_gives(channels, filters, strides, taps):
  trainable = 2 * channels + taps * channels * filters + 2 * filters + 27 * filters**2
  if filters < channels:
    trainable += 27 * channels * filters
  assert counts(unit(channels, filters, strides)) == (trainable, 2 * channels + 2 * filters)


def test_with_zero_kernels_the_unit_is_its_shortcut():
  model = unit(3, 8, (2, 2, 2))
  for number in (1, 2):
    kernel = model.get_layer(f"unit_conv{number}").kernel
    kernel.assign(tf.zeros_like(kernel))
  volume = random_volume(2, 4, 6, 8, 3)
  result = model(volume, training=True).numpy()
  np.testing.assert_array_equal(result[..., 2:5], tf.nn.max_pool3d(volume, 2, 2, "VALID"))
  assert not result[..., :2].any() and not result[..., 5:].any()


def test_a_shortcut_to_as_many_channels_is_the_input_itself():
  features = tf.keras.Input([None, None, None, 4])
  assert shortcut(features, 4, "unit") is features


def test_a_shortcut_to_fewer_channels_is_a_convolution_of_the_raw_input():
  model, volume = unit(5, 2), random_volume(1, 4, 4, 4, 5)
  kernel = model.get_layer("unit_conv2").kernel
  kernel.assign(tf.zeros_like(kernel))
  kernel = model.get_layer("unit_shortcut").kernel
  assert kernel.shape == [3, 3, 3, 5, 2]
  np.testing.assert_allclose(model(volume), tf.nn.conv3d(volume, kernel, [1] * 5, "SAME"), atol=1e-5)


def test_the_residual_by_hand():
  model, volume = unit(3, 4, (1, 2, 2)), random_volume(2, 4, 6, 8, 3, mean=0.5)
  features = volume
  for number, strides in ((1, [1, 1, 2, 2, 1]), (2, [1] * 5)):
    mean, variance = tf.nn.moments(features, [0, 1, 2, 3])
    features = (features - mean) / tf.sqrt(variance + 1e-3)
    features = tf.where(features > 0, features, 0.1 * features)
    kernel = model.get_layer(f"unit_conv{number}").kernel
    features = tf.nn.conv3d(features, kernel, strides, "SAME")
  pooled = tf.reshape(volume, [2, 4, 3, 2, 4, 2, 3])
  expected = features + tf.pad(tf.reduce_max(pooled, [3, 5]), [[0, 0]] * 4 + [[0, 1]])
  np.testing.assert_allclose(model(volume, training=True), expected, atol=1e-5)


def test_kernels_start_within_the_bounds_of_their_fan_in():
  kernel = unit(4, 8, (2, 2, 2)).get_layer("unit_conv1").kernel.numpy()
  bound = np.sqrt(3 / (64 * 4))
  assert 0.99 * bound < np.abs(kernel).max() <= bound


def test_padding_rounds_down_in_front():
  assert np.array_equal(PadChannels(6)(tf.ones([1, 3])), [[0, 1, 1, 1, 0, 0]])


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
