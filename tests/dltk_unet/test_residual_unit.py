"""The residual unit and its shortcut."""

import numpy as np
import pytest
import tensorflow as tf

from dltk_unet.residual_unit import PadChannels, residual_unit, shortcut


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
