"""Pseudo-labels never contradict what is annotated."""
import numpy as np
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns import pseudo_labels

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
  target = pseudo_labels.complete(tf.zeros([1, 2, 3, 4], tf.uint8), tf.constant([[0.0, 1.0, 0.0]]), logits).numpy()
  assert target.shape == (1, 2, 3, 4) and 1 not in target
