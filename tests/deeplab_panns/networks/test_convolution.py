"""Dilated and strided convolution, the shared layer settings, and align-corners resizing."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks import convolution


def uniform(*shape, seed=0, dtype=tf.float32):
  return tf.random.stateless_uniform(shape, seed=(seed, 0), minval=-1, maxval=1, dtype=dtype)


def output_and_gradients(function, features, kernel):
  with tf.GradientTape() as tape:
    tape.watch([features, kernel])
    output = function(features, kernel)
    loss = tf.reduce_sum(output * uniform(*output.shape, seed=9, dtype=output.dtype))
  return [output, *tape.gradient(loss, [features, kernel])]


def assert_same_convolution(features, kernel, rate, rtol=1e-5):
  ours = output_and_gradients(lambda x, k: convolution.dilated_convolution(x, k, rate), features, kernel)
  oracle = output_and_gradients(
    lambda x, k: tf.nn.convolution(x, k, padding="SAME", dilations=rate), features, kernel
  )
  for one, other in zip(ours, oracle):
    np.testing.assert_allclose(one, other, rtol=0, atol=rtol * np.abs(other).max())


@pytest.mark.parametrize("rate", [1, 2, 6, 12])
def test_dilated_convolution_equals_space_to_batch(rate):
  assert_same_convolution(uniform(2, 13, 15, 3), uniform(3, 3, 3, 4, seed=1), rate)


@pytest.mark.parametrize("size", [(5, 20), (20, 6), (6, 6), (1, 1)])
def test_taps_beyond_the_features_are_dropped_without_a_change(size):
  assert_same_convolution(uniform(2, *size, 3), uniform(3, 3, 3, 4, seed=1), rate=6)


def test_five_taps_keep_those_that_reach():
  assert_same_convolution(uniform(2, 4, 9, 3), uniform(5, 5, 3, 4, seed=1), rate=3)


def test_rate_of_the_features_size_is_the_centre_tap():
  features, kernel = uniform(2, 9, 9, 3), uniform(3, 3, 3, 4, seed=1)
  pointwise = tf.nn.conv2d(features, kernel[1:2, 1:2], strides=1, padding="SAME")
  np.testing.assert_array_equal(convolution.dilated_convolution(features, kernel, 9), pointwise)


def test_unknown_size_gives_the_same_as_a_known_one():
  features, kernel = uniform(1, 7, 7, 3), uniform(3, 3, 3, 4, seed=1)
  signature = [tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([3, 3, 3, 4])]
  dynamic = tf.function(lambda x, k: convolution.dilated_convolution(x, k, 12), signature)
  known = convolution.dilated_convolution(features, kernel, 12)
  np.testing.assert_allclose(dynamic(features, kernel), known, atol=1e-6)


def test_float64_has_the_gradient_finite_differences_find():
  features, kernel = uniform(1, 5, 6, 1, dtype=tf.float64), uniform(3, 3, 1, 2, seed=1, dtype=tf.float64)
  analytic, numeric = tf.test.compute_gradient(
    lambda x, k: convolution.dilated_convolution(x, k, 2), [features, kernel]
  )
  for one, other in zip(analytic, numeric):
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_every_dtype_can_be_differentiated_in_a_graph(dtype):
  features, kernel = tf.cast(uniform(1, 9, 9, 2), dtype), tf.cast(uniform(3, 3, 2, 2, seed=1), dtype)

  @tf.function
  def gradient(features, kernel):
    return tf.gradients(convolution.dilated_convolution(features, kernel, 2), [features, kernel])

  for value in gradient(features, kernel):
    assert value.dtype == dtype and np.isfinite(tf.cast(value, tf.float32)).all()


def test_fallback_is_tried_before_a_step_fails(monkeypatch):
  monkeypatch.setattr(convolution, "has_dilated_gradient", lambda dtype: False)
  monkeypatch.setattr(tf.nn, "conv2d", None)  # would raise if called
  assert_same_convolution(uniform(1, 9, 9, 2), uniform(3, 3, 2, 2, seed=1), rate=2)


@pytest.mark.parametrize("height, width", [(6, 7), (7, 6), (8, 8)])
@pytest.mark.parametrize("taps", [1, 3, 7])
def test_stride_samples_pixels_0_2_4_on_even_sizes_too(height, width, taps):
  ramp = tf.reshape(tf.range(height * width, dtype=tf.float32), [1, height, width, 1])
  centre = np.zeros([taps, taps, 1, 1], np.float32)
  centre[taps // 2, taps // 2] = 1
  np.testing.assert_array_equal(convolution.strided_convolution(ramp, centre, 2), ramp[:, ::2, ::2])


@pytest.mark.parametrize(
  "settings",
  [
    {"kernel_size": 3},
    {"kernel_size": 3, "strides": 2},
    {"kernel_size": 7, "strides": 2},
    {"kernel_size": 3, "dilation_rate": 4, "use_bias": False},
  ],
)
def test_layer_equals_keras_on_odd_sizes_and_survives_its_config(settings):
  layer = convolution.Convolution(5, **settings)
  layer = convolution.Convolution.from_config(layer.get_config())
  keras = tf.keras.layers.Conv2D(5, padding="same", **settings)
  features = uniform(2, 9, 11, 3)
  assert layer(features).shape == keras(features).shape == layer.compute_output_shape(features.shape)
  keras.set_weights(layer.get_weights())
  np.testing.assert_allclose(layer(features), keras(features), atol=1e-5)


def test_layer_refuses_what_it_does_not_compute():
  with pytest.raises(ValueError, match="valid"):
    convolution.Convolution(5, 3, padding="valid")


def test_weight_penalty_is_tf1s():
  weights = uniform(3, 3, 2, 4)
  penalty = convolution.weight_penalty(1e-4)
  np.testing.assert_allclose(penalty(weights), 1e-4 * tf.nn.l2_loss(weights), rtol=1e-6)
  assert convolution.weight_penalty(0) is None


def test_batch_norm_forgets_at_its_decay():
  layer = convolution.batch_norm(0.75, "bn")
  layer(tf.fill([1, 2, 2, 1], 8.0), training=True)
  np.testing.assert_allclose(layer.moving_mean, [2.0])  # 0.75 * 0 + 0.25 * 8
  assert layer.epsilon == 1e-5


@pytest.mark.parametrize("cells", [(2, 3), (5, 4)])
def test_align_corners_returns_the_features_on_their_own_pixels(cells):
  features = uniform(2, *cells, 3)
  size = [16 * (cell - 1) + 1 for cell in cells]
  np.testing.assert_allclose(
    convolution.resize_align_corners(features, size)[:, ::16, ::16], features, atol=1e-6
  )


def test_align_corners_keeps_a_ramp_linear_up_to_the_border():
  ramp = tf.reshape(tf.range(5, dtype=tf.float32), [1, 1, 5, 1])
  resized = convolution.resize_align_corners(ramp, [1, 65])[0, 0, :, 0]
  np.testing.assert_allclose(resized, np.arange(65) / 16, atol=1e-6)
  half_pixel = tf.image.resize(ramp, [1, 65])[0, 0, :, 0]
  assert np.abs(half_pixel - np.arange(65) / 16).max() > 0.3  # what the name "bilinear" gives elsewhere


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_upsample_like_keeps_the_dtype_and_spreads_a_single_cell(dtype):
  layer = convolution.UpsampleLike(dtype=dtype)
  resized = layer([tf.fill([2, 1, 1, 3], tf.cast(0.5, dtype)), tf.zeros([2, 4, 6, 1], dtype)])
  assert resized.dtype == dtype
  np.testing.assert_array_equal(tf.cast(resized, tf.float32), np.full([2, 4, 6, 3], 0.5))
