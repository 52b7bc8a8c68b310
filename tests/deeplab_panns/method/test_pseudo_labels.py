"""Pseudo-labels never contradict what is annotated."""

import numpy as np
import pytest
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method import pseudo_labels

ANNOTATED = tf.constant([[0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]], tf.float32)


def example(seed=0):
  rng = np.random.default_rng(seed)
  logits = rng.normal(size=(3, 5, 6, 4)).astype(np.float32)
  label = np.zeros((3, 5, 6), np.uint8)
  label[0, :2], label[1, 3:], label[2, 0] = 1, 3, 2
  label[:, :, 0] = IGNORE
  return label, logits


def test_annotated_classes_come_from_the_annotation_alone():
  for seed in range(5):
    label, logits = example(seed)
    target = pseudo_labels.complete(tf.constant(label), ANNOTATED, tf.constant(logits)).numpy()
    for case, organs in enumerate(((1,), (2, 3), (1, 2, 3))):
      for organ in organs:
        np.testing.assert_array_equal(target[case] == organ, label[case] == organ)


def test_elsewhere_the_teacher_chooses_among_the_rest():
  label, logits = example()
  target = pseudo_labels.complete(tf.constant(label), ANNOTATED, tf.constant(logits)).numpy()
  open_pixels = label[0] == 0
  expected = np.array([0, 2, 3])[logits[0][..., [0, 2, 3]].argmax(-1)]
  np.testing.assert_array_equal(target[0][open_pixels], expected[open_pixels])
  np.testing.assert_array_equal(target[2][label[2] == 0], 0)  # all annotated: the rest is background


def test_ignore_stays():
  label, logits = example()
  target = pseudo_labels.complete(tf.constant(label), ANNOTATED, tf.constant(logits)).numpy()
  assert (target[label == IGNORE] == IGNORE).all() and (target[label != IGNORE] < 4).all()


def test_semi_forgets_the_annotation_but_not_the_ignored_pixels():
  label, logits = example()
  forgotten, annotated = pseudo_labels.forget(tf.constant(label), ANNOTATED)
  target = pseudo_labels.complete(forgotten, annotated, tf.constant(logits)).numpy()
  np.testing.assert_array_equal(target, np.where(label == IGNORE, IGNORE, logits.argmax(-1)))


def test_works_on_volumes():
  logits = tf.random.stateless_normal([1, 2, 3, 4, 3], seed=(0, 0))
  target = pseudo_labels.complete(
    tf.zeros([1, 2, 3, 4], tf.uint8), tf.constant([[0.0, 1.0, 0.0]]), logits
  ).numpy()
  assert target.shape == (1, 2, 3, 4) and 1 not in target


def test_soft_targets_are_the_annotation_or_the_teachers_probabilities_of_the_rest():
  logits = tf.math.log(tf.constant([[[0.5, 0.2, 0.3]] * 3]))
  target = pseudo_labels.complete_softly(
    tf.constant([[1, 0, 255]], tf.uint8), tf.constant([[0.0, 1.0, 0.0]]), logits
  ).numpy()[0]
  np.testing.assert_allclose(target[0], [0, 1, 0])
  np.testing.assert_allclose(
    target[1], [0.625, 0, 0.375], rtol=1e-5
  )  # organ 1 is annotated, so it is not here
  np.testing.assert_allclose(target.sum(-1), 1, rtol=1e-6)


def test_alignment_rests_where_the_labels_have_the_priors_shares():
  alignment = pseudo_labels.Alignment(np.array([0.8, 0.15, 0.05]))
  alignment.follow(tf.constant([0.8, 0.15, 0.05]))
  np.testing.assert_allclose(alignment.offset, 0, atol=1e-6)


def test_alignment_brings_back_an_organ_that_argmax_drops():
  """The teacher gives organ 1 a probability of 0.3 on a fifth of the pixels and 0 elsewhere: argmax never
  chooses it."""
  probabilities = np.full((10, 2), (0.999, 0.001))
  probabilities[:2] = (0.7, 0.3)
  logits = tf.math.log(tf.constant(probabilities, tf.float32))
  alignment = pseudo_labels.Alignment(np.array([0.8, 0.2]))
  for _ in range(100):
    chosen = tf.argmax(alignment.shift(logits), axis=-1).numpy()
    alignment.follow(tf.constant(np.bincount(chosen, minlength=2), tf.float32))
  np.testing.assert_array_equal(chosen, [1, 1] + [0] * 8)


def test_alignment_to_a_moving_target_rests_where_both_means_agree():
  """However rare the organ is: the log of a mean over ten batches would swing."""
  alignment = pseudo_labels.Alignment(np.array([0.9, 0.1]), moving=True)
  for step in range(60):
    pixels = tf.constant([0.0, 40.0] if step % 20 == 0 else [40.0, 0.0])
    alignment.follow(pixels, pixels)
    np.testing.assert_allclose(alignment.offset, 0, atol=1e-5)


@pytest.mark.slow
def test_a_class_that_nothing_is_expected_of_does_not_break_the_alignment():
  alignment = pseudo_labels.Alignment(np.array([0.5, 0.3, 0.2]), moving=True)
  for mean in (alignment.share, alignment.expected):
    mean.assign([0.6, 0.0, 0.4])
  alignment.follow(tf.constant([6.0, 0.0, 4.0]), tf.constant([6.0, 0.0, 4.0]))
  assert np.isfinite(alignment.offset).all() and abs(float(alignment.offset[2])) < 1e-4


def test_the_atlas_says_nothing_where_it_is_q():
  logits, prior = tf.constant([[1.0, 2.0, -1.0]]), tf.constant([0.5, 0.3, 0.2])
  np.testing.assert_allclose(pseudo_labels.by_atlas(logits, prior[None], prior, 0.7), logits, atol=1e-6)
  moved = pseudo_labels.by_atlas(logits, tf.constant([[1.0, 0.0, 0.0]]), prior, 0.5) - logits
  np.testing.assert_allclose(moved, [[0.5 * np.log(1.95), 0.5 * np.log(0.05), 0.5 * np.log(0.05)]], rtol=1e-4)


def test_alignment_follows_the_mean_share_not_the_mean_of_its_log():
  """An organ in every tenth batch at ten times its share has the right size: the offsets stay about where
  they are."""
  alignment = pseudo_labels.Alignment(np.array([0.9, 0.1]))
  for step in range(300):
    alignment.follow(tf.constant([0.0, 1.0] if step % 10 == 0 else [1.0, 0.0]))
  assert abs(float(alignment.offset[1])) < 1.0  # by the mean of logs it would lie at the bound
