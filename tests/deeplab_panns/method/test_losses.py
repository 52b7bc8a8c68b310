"""Sums over valid pixels."""

import numpy as np
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method import losses

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
  expected = -np.log(np.take_along_axis(probabilities, np.minimum(label, 4)[..., None].astype(int), -1))[
    ..., 0
  ][label != IGNORE].sum()
  np.testing.assert_allclose(cross_entropy, expected, rtol=1e-5)


def test_all_ignored_is_zero_not_nan():
  label = np.full_like(LABEL, IGNORE)
  assert float(losses.cross_entropy_sum(LOGITS, label)) == 0
  np.testing.assert_array_equal(losses.probability_sum(LOGITS, losses.valid_pixels(label)), np.zeros(5))


def test_shares_sum_to_the_number_of_pixels():
  share = losses.probability_sum(LOGITS, losses.valid_pixels(LABEL))
  np.testing.assert_allclose(tf.reduce_sum(share), LABEL.size, rtol=1e-5)
  np.testing.assert_allclose(share, tf.nn.softmax(LOGITS).numpy().sum(axis=(0, 1, 2)), rtol=1e-5)


PARTIAL = np.array([[0, 2, 255, 0]], np.uint8)  # organ 2 alone is annotated, of three
ANNOTATED = np.array([[0, 0, 1, 0]], np.float32)


def test_marginal_loss_sums_probabilities():
  """By hand: where nothing is annotated, background, organ 1 and organ 3 are one class."""
  logits = np.random.default_rng(0).normal(size=(1, 4, 4)).astype(np.float32)
  p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
  expected = -np.log(p[0, [0, 1, 3]].sum()) - np.log(p[1, 2]) - np.log(p[3, [0, 1, 3]].sum())
  ours = losses.marginal_cross_entropy_sum(tf.constant(logits), tf.constant(PARTIAL), tf.constant(ANNOTATED))
  np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_marginal_loss_with_every_organ_annotated_is_cross_entropy():
  rng = np.random.default_rng(1)
  logits, label = (
    tf.constant(rng.normal(size=(2, 3, 3, 4)), tf.float32),
    tf.constant(rng.integers(0, 4, (2, 3, 3)), tf.uint8),
  )
  ours = losses.marginal_cross_entropy_sum(logits, label, tf.ones([2, 4]))
  np.testing.assert_allclose(ours, losses.cross_entropy_sum(logits, label), rtol=1e-5)


def test_marginal_loss_leaves_unannotated_organs_and_background_alone_among_themselves():
  """Outside of annotations, probability may move among the classes nobody annotated at no cost."""
  logits = tf.Variable(tf.zeros([1, 1, 4]))
  with tf.GradientTape() as tape:
    loss = losses.marginal_cross_entropy_sum(logits, tf.zeros([1, 1], tf.uint8), tf.constant(ANNOTATED))
  gradient = tape.gradient(loss, logits).numpy()[0, 0]
  np.testing.assert_allclose(gradient, [-1 / 12, -1 / 12, 1 / 4, -1 / 12], atol=1e-6)


def test_exclusion_counts_annotated_organs_pixels_alone():
  logits = np.random.default_rng(2).normal(size=(1, 4, 4)).astype(np.float32)
  p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
  ours = losses.exclusion_sum(tf.constant(logits), tf.constant(PARTIAL), tf.constant(ANNOTATED))
  np.testing.assert_allclose(ours, -np.log(1 - p[1, 1] - p[1, 3]), rtol=1e-5)


def test_ignored_pixels_have_no_gradient_in_the_partial_losses():
  logits = tf.Variable(np.random.default_rng(3).normal(size=(1, 4, 4)), dtype=tf.float32)
  for loss in (losses.marginal_cross_entropy_sum, losses.exclusion_sum):
    with tf.GradientTape() as tape:
      value = loss(logits, tf.constant(PARTIAL), tf.constant(ANNOTATED))
    assert not np.any(tape.gradient(value, logits).numpy()[0, 2])
