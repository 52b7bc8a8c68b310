"""Moments of one replica; tests/deeplab_panns/distribution has those of several."""

import numpy as np
import tensorflow as tf

from dltk_unet.global_moments import global_moments, normalized


def test_one_replica_has_the_moments_of_its_batch():
  features = np.random.default_rng(0).normal(5, 2, (3, 4, 5, 2)).astype(np.float32)
  mean, variance, count = global_moments(tf.constant(features))
  np.testing.assert_allclose(mean, features.mean((0, 1, 2)), rtol=1e-6)
  np.testing.assert_allclose(variance, features.var((0, 1, 2)), rtol=1e-5)
  assert count == 60


def test_a_variance_that_is_small_beside_the_mean_keeps_its_digits():
  """E[x²] − E[x]² in float32 is off by half here."""
  features = 1000 + np.random.default_rng(0).normal(0, 0.1, (4, 8, 8, 1)).astype(np.float32)
  _, variance, _ = global_moments(tf.constant(features))
  np.testing.assert_allclose(variance, features.astype(np.float64).var((0, 1, 2)), rtol=1e-3)


def test_half_precision_is_added_up_in_single():
  """65504 is float16's largest; 4096 values of 100 add up to more."""
  mean, variance, _ = global_moments(tf.fill([1, 64, 64, 1], tf.constant(100, tf.float16)))
  assert (mean.dtype, mean.numpy(), variance.numpy()) == (tf.float32, 100, 0)


def test_normalized_by_hand():
  result = normalized(tf.constant([[3.0], [5.0]]), 3.0, 3.99, 2.0, 1.0, 0.01)
  np.testing.assert_allclose(result, [[1.0], [3.0]], rtol=1e-6)  # (5 − 3) / 2 · 2 + 1
  assert normalized(tf.constant([1.0], tf.bfloat16), 0.0, 1.0, 1.0, 0.0, 0.0).dtype == tf.bfloat16
