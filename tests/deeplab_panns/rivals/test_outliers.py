"""Which guesses of organs count, by numbers that can be checked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.partial_loss import Features
from deeplab_panns.rivals.outliers import Outliers

ORGAN = tf.constant([[1, 1]], tf.uint8)


def rule(rounds=2, seen=((1.0,), (3.0,))):
  """Knows organ 1 by labelled images whose mean features of it were `seen`, four of each, and no other class:
  by default mean 2 and variance 1."""
  outliers = Outliers(3, len(seen[0]))
  for _ in range(rounds):
    outliers.new_teacher()
  images = np.array(list(seen) * 4, np.float32)
  outliers.images.assign([0, len(images), 0])
  outliers.sums[1].assign(images.sum(0))
  outliers.squares[1].assign((images**2).sum(0))
  return outliers


def judged(outliers, pixels, target, label=None):
  """The rule's word on one partial image [1, n], without annotations unless `label` has one."""
  features = tf.constant([pixels], tf.float32)[..., None]
  target = tf.constant([target], tf.uint8)
  label = tf.zeros_like(target) if label is None else tf.constant([label], tf.uint8)
  annotated = tf.constant([[0.0, 0.0, float(2 in label.numpy())]])
  partial = PartialExamples(features, label, annotated, tf.ones(target.shape), target=target)
  nothing = Features(features, tf.fill(target.shape, tf.constant(IGNORE, tf.uint8)), features)
  return outliers.judge(nothing, partial)


def test_an_organ_whose_features_lie_apart_is_dropped():
  """Mean 2, variance 1.01: an image of mean 3.7 is at 2.9, one of 3.8 at 3.2, of which 3 is too much."""
  usual, loss = judged(rule(), [3.6, 3.8, 9.0], [1, 1, 0])
  np.testing.assert_array_equal(usual.label, [[1, 1, 0]])
  assert usual.annotated.numpy()[0, 1] == 1 and usual.target is None and float(loss) == 0
  apart, _ = judged(rule(), [3.7, 3.9, 9.0], [1, 1, 0])
  np.testing.assert_array_equal(apart.label, [[0, 0, 0]])
  assert apart.annotated.numpy()[0, 1] == 0


def test_images_are_judged_one_by_one():
  means, pixels = tf.constant([[[0.0], [2.0], [0]], [[0.0], [5.0], [0]]]), tf.ones([2, 3])
  np.testing.assert_array_equal(rule().trusted(means, pixels)[:, 1], [1, 0])


def test_annotations_stay_and_are_not_part_of_the_guess():
  """Two pixels of organ 2 are annotated; the features of organ 1 are those of the other pixel alone."""
  partial, _ = judged(rule(), [99.0, 99.0, 2.0], [2, 2, 1], label=[2, 2, 0])
  np.testing.assert_array_equal(partial.label, [[2, 2, 1]])
  np.testing.assert_array_equal(partial.annotated, [[0, 1, 1]])


def test_that_an_organ_is_absent_counts_where_the_organ_is_known():
  """Organ 1 has statistics and no pixel here; organ 2 has no statistics."""
  partial, _ = judged(rule(), [1.0, 1.0], [0, 0])
  np.testing.assert_array_equal(partial.annotated, [[0, 1, 0]])


@pytest.mark.parametrize("rounds", [0, 1])
def test_before_the_second_teacher_no_guess_counts(rounds):
  partial, _ = judged(rule(rounds), [2.0, 2.0], [1, 0])
  assert not np.any(partial.label) and not np.any(partial.annotated)


def test_ignored_pixels_stay_ignored():
  partial, _ = judged(rule(), [2.0, 2.0], [1, IGNORE], label=[0, IGNORE])
  np.testing.assert_array_equal(partial.label, [[1, IGNORE]])


def test_statistics_are_of_the_labelled_images_and_forget():
  """Images whose mean features of organ 1 are 1 and 3, twice: .99 of the first time and once more."""
  outliers = Outliers(3, 1)
  features = tf.constant([[[0.0], [2.0], [9.0]], [[3.0], [9.0], [9.0]]])
  label = tf.constant([[1, 1, IGNORE], [1, 0, IGNORE]], tf.uint8)
  target = tf.zeros([1, 3], tf.uint8)
  partial = PartialExamples(features[:1], target, tf.zeros([1, 3]), tf.ones([1, 3]), target=target)
  for _ in range(2):
    outliers.judge(Features(features, label, features[:1]), partial)
  np.testing.assert_allclose(outliers.images, 1.99 * np.array([1, 2, 0]), rtol=1e-6)
  np.testing.assert_allclose(outliers.sums[:, 0], 1.99 * np.array([9, 4, 0]), rtol=1e-6)
  np.testing.assert_allclose(outliers.squares[:, 0], 1.99 * np.array([81, 10, 0]), rtol=1e-6)


def test_a_batch_that_the_teacher_did_not_label_is_refused():
  partial = PartialExamples(tf.zeros([1, 2, 1]), ORGAN, tf.zeros([1, 3]), tf.ones([1, 2]))
  with pytest.raises(ValueError, match="without targets; label them"):
    rule().judge(Features(tf.zeros([1, 2, 1]), ORGAN, tf.zeros([1, 2, 1])), partial)
