"""Prototypes are mean directions, and classify a pixel by its angle to them."""

import numpy as np
import pytest
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.partial_loss import Features
from deeplab_panns.rivals.prototypes import Prototypes, cross_entropy_sum


def judge(prototypes, pixels, target, label=None, labeled=((0.0, 1.0),), classes=(IGNORE,), pasted=None):
  """One step with a partial image of `pixels`, and a labelled one."""
  features, target = tf.constant([pixels], tf.float32), tf.constant([target], tf.uint8)
  label = tf.zeros_like(target) if label is None else tf.constant([label], tf.uint8)
  partial = PartialExamples(
    features,
    label,
    tf.zeros([1, 2]),
    tf.ones(target.shape),
    target=target,
    pasted=None if pasted is None else tf.constant([pasted]),
  )
  known = Features(tf.constant([labeled], tf.float32), tf.constant([classes], tf.uint8), features)
  return prototypes.judge(known, partial)


def test_a_prototype_is_the_mean_direction_of_its_class():
  """Of the labelled pixels (3, 0) and (0, 7) of class 1 the mean direction is the diagonal.

  Next time both are (0, 1): a hundredth of the way there, at length 1."""
  prototypes = Prototypes(2, 2)
  both = {"labeled": [(3.0, 0.0), (0.0, 7.0), (5.0, 0.0), (9.0, 9.0)], "classes": [1, 1, 0, IGNORE]}
  judge(prototypes, [(1.0, 0.0)], [IGNORE], **both)
  diagonal = np.full(2, 0.5**0.5)
  np.testing.assert_allclose(prototypes.labeled, [[1, 0], diagonal], rtol=1e-6)
  assert not np.any(prototypes.guessed)
  judge(prototypes, [(1.0, 0.0)], [IGNORE], labeled=[(0.0, 1.0)] * 2, classes=[1, IGNORE])
  moved = 0.99 * diagonal + 0.01 * np.array([0, 1])
  np.testing.assert_allclose(prototypes.labeled, [[1, 0], moved / np.linalg.norm(moved)], rtol=1e-5)


def test_guessed_pixels_make_the_one_kind_and_annotated_and_pasted_ones_the_other():
  prototypes = Prototypes(3, 2)
  pixels = [(1.0, 0.0), (0.0, 1.0), (3.0, 4.0), (-1.0, 0.0)]
  judge(prototypes, pixels, [1, 1, 2, 0], label=[1, 0, 0, 0], pasted=[False, False, True, False])
  np.testing.assert_allclose(prototypes.labeled, [[0, 0], [1, 0], [0.6, 0.8]], atol=1e-6)
  np.testing.assert_allclose(prototypes.guessed, [[-1, 0], [0, 1], [0, 0]], atol=1e-6)


def test_a_pixel_has_the_class_whose_prototype_it_points_to():
  """At .6 and .8 to the two axes, in tenths: the second class by 2 nats."""
  unit, axes = tf.constant([[[0.6, 0.8]]]), tf.eye(2)
  losses = [float(cross_entropy_sum(unit, axes, tf.constant([[one]], tf.uint8))) for one in (0, 1)]
  np.testing.assert_allclose(losses, [np.log1p(np.exp(2)), np.log1p(np.exp(-2))], rtol=1e-5)


def test_classes_without_a_prototype_and_ignored_pixels_count_nowhere():
  unit = tf.constant([[[0.6, 0.8], [1.0, 0.0], [1.0, 0.0]]])
  some = tf.constant([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
  found = cross_entropy_sum(unit, some, tf.constant([[1, 2, IGNORE]], tf.uint8))
  np.testing.assert_allclose(found, np.log1p(np.exp(-2)), rtol=1e-5)


def test_the_loss_is_of_both_kinds_over_the_valid_pixels_and_draws_features_alone():
  prototypes = Prototypes(2, 2)
  prototypes.labeled.assign(tf.eye(2))
  prototypes.guessed.assign(tf.eye(2))
  pixels = tf.Variable([[[3.0, 4.0], [1.0, 0.0]]])
  target = tf.constant([[1, IGNORE]], tf.uint8)
  label = tf.fill([1, 1], tf.constant(IGNORE, tf.uint8))
  with tf.GradientTape() as tape:
    partial = PartialExamples(pixels, tf.zeros_like(target), tf.zeros([1, 2]), tf.ones([1, 2]), target=target)
    same, loss = prototypes.judge(Features(tf.zeros([1, 1, 2]), label, pixels), partial)
  assert same is partial
  np.testing.assert_allclose(loss, 2 * np.log1p(np.exp(-2)), rtol=1e-5)
  gradient = tape.gradient(loss, pixels).numpy()[0]
  assert gradient[0, 0] > 0 > gradient[0, 1] and not np.any(gradient[1])


def test_a_batch_that_the_teacher_did_not_label_is_refused():
  pixel, label = tf.zeros([1, 1, 2]), tf.zeros([1, 1], tf.uint8)
  with pytest.raises(ValueError, match="without targets; label them"):
    Prototypes(2, 2).judge(
      Features(pixel, label, pixel), PartialExamples(pixel, label, tf.zeros([1, 2]), tf.ones([1, 1]))
    )
