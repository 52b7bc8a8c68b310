"""Which layers compute in half precision, and which never do."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks.precision import PRECISIONS, computing_in
from dltk_unet.unet import UNetConfig, unet_3d


def small_unet():
  return unet_3d(UNetConfig(classes=3, filters=(2, 4), strides=((1, 1, 1), (2, 2, 2))))


@pytest.mark.parametrize("precision, computed", zip(PRECISIONS, ("float32", "float16", "bfloat16")))
def test_weights_and_logits_are_float32_in_every_precision(precision, computed):
  with computing_in(precision):
    network = small_unet()
  assert {tf.as_dtype(weight.dtype) for weight in network.weights} == {tf.float32}
  assert network.get_layer("initial").compute_dtype == computed
  logits = network(tf.zeros([1, 4, 4, 4, 1]))
  assert logits.dtype == tf.float32 and np.all(np.isfinite(logits))


def test_the_policy_is_as_it_was_also_after_an_error():
  before = tf.keras.mixed_precision.global_policy().name
  with pytest.raises(KeyError), computing_in("float16"):
    raise KeyError
  assert tf.keras.mixed_precision.global_policy().name == before
  assert small_unet().get_layer("initial").compute_dtype == "float32"


def test_half_precision_is_close_to_single():
  with computing_in("float16"):
    half = small_unet()
  single = small_unet()
  single.set_weights(half.get_weights())
  volume = tf.random.stateless_uniform([1, 4, 4, 4, 1], (0, 0), 0, 255)
  np.testing.assert_allclose(half(volume), single(volume), rtol=0.02, atol=0.02)
