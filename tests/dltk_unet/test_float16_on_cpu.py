"""Sums of float16 numbers are those of float32, rounded once, in the convolutions of both networks."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks.convolution import Convolution as Convolution2D
from dltk_unet.float16_on_cpu import accumulated_in_float32
from dltk_unet.residual_unit import Convolution as Convolution3D

pytestmark = pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU has its own way")


def test_a_sum_is_rounded_once_and_not_after_every_number():
  """4096 + 1 is 4096 in float16, whose steps there are 4: a thousand ones after it would be lost."""
  numbers = tf.constant([4096.0] + [1.0] * 1000, tf.float16)
  total = accumulated_in_float32(tf.reduce_sum, numbers)
  assert total.dtype == tf.float16 and total == 5096


def test_other_numbers_are_left_alone():
  for dtype in (tf.float32, tf.bfloat16, tf.float64):
    assert accumulated_in_float32(lambda number: number, tf.constant(1, dtype)).dtype == dtype


@pytest.mark.parametrize(("kind", "sizes"), [(Convolution2D, (5, 5)), (Convolution3D, (3, 5, 5))])
def test_a_convolution_is_that_of_float32_rounded(kind, sizes):
  draw = np.random.default_rng(0)
  image = draw.normal(size=(2, *sizes, 40)).astype(np.float16)
  kernel = draw.normal(size=(3,) * len(sizes) + (40, 3)).astype(np.float16)
  results = {}
  for dtype in ("mixed_float16", "float32"):
    layer = kind(3, 3, padding="same", use_bias=False, dtype=dtype)
    layer.build(image.shape)
    layer.set_weights([kernel.astype(np.float32)])
    with tf.GradientTape() as tape:
      result = layer(tf.constant(image, layer.compute_dtype))
      loss = tf.reduce_sum(tf.cast(result, tf.float32))
    [gradient] = tape.gradient(loss, layer.trainable_weights)
    assert result.dtype == layer.compute_dtype and gradient.dtype == tf.float32
    results[dtype] = result, gradient
  (half, half_gradient), (single, gradient) = results["mixed_float16"], results["float32"]
  np.testing.assert_array_equal(half, tf.cast(single, tf.float16))
  np.testing.assert_allclose(half_gradient, gradient, rtol=2e-3, atol=2e-3)
