"""Sums over valid pixels."""
import numpy as np
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns import losses

LOGITS = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 4, 5)), tf.float32)
LABEL = np.random.default_rng(1).integers(0, 5, (2, 3, 4)).astype(np.uint8)


def test_cross_entropy_by_hand():
  logits = tf.math.log([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]])
  label = tf.constant([[0, 2]], tf.uint8)
  np.testing.assert_allclose(losses.cross_entropy_sum(logits, label), -np.log(0.5) - np.log(0.1), rtol=1e-6)


def test_ignored_pixels_count_nowhere_and_have_no_gradient():
  label = LABEL.copy()
  label[0, :, :2] = IGNORE
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(LOGITS)
    cross_entropy = losses.cross_entropy_sum(LOGITS, label)
    share = losses.probability_sum(LOGITS, losses.valid_pixels(label))[3]
  for value in (cross_entropy, share):
    gradient = tape.gradient(value, LOGITS).numpy()
    assert np.abs(gradient[0, :, :2]).max() == 0 and np.abs(gradient[1]).min() > 0
  probabilities = tf.nn.softmax(LOGITS).numpy()
  expected = -np.log(np.take_along_axis(probabilities, np.minimum(label, 4)[..., None].astype(int), -1))[..., 0][label != IGNORE].sum()
  np.testing.assert_allclose(cross_entropy, expected, rtol=1e-5)


def test_all_ignored_is_zero_not_nan():
  label = np.full_like(LABEL, IGNORE)
  assert float(losses.cross_entropy_sum(LOGITS, label)) == 0
  np.testing.assert_array_equal(losses.probability_sum(LOGITS, losses.valid_pixels(label)), np.zeros(5))


def test_shares_sum_to_the_number_of_pixels():
  share = losses.probability_sum(LOGITS, losses.valid_pixels(LABEL))
  np.testing.assert_allclose(tf.reduce_sum(share), LABEL.size, rtol=1e-5)
  np.testing.assert_allclose(share, tf.nn.softmax(LOGITS).numpy().sum(axis=(0, 1, 2)), rtol=1e-5)
