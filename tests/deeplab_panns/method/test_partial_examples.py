"""What of the partial images is known, and which pixels count."""

import numpy as np
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.partial_examples import partial_examples


def examples(**more):
  label = tf.constant([[[1, 0], [IGNORE, 0]], [[2, 2], [0, IGNORE]]], tf.uint8)
  annotated = tf.constant([[0.0, 1, 0], [0.0, 0, 1]])
  return {"image": tf.zeros([2, 2, 2, 1]), "label": label, "annotated": annotated, **more}


def test_without_a_mask_the_prior_counts_the_valid_pixels():
  partial = partial_examples(examples(), use_annotations=True)
  np.testing.assert_array_equal(partial.valid, [[[1, 1], [0, 1]], [[1, 1], [1, 0]]])
  np.testing.assert_array_equal(partial.counted_by_prior, partial.valid)


def test_an_image_out_of_the_prior_counts_in_the_loss_alone():
  partial = partial_examples(examples(in_prior=tf.constant([0.0, 1.0])), use_annotations=True)
  np.testing.assert_array_equal(partial.counted_by_prior, [[[0, 0], [0, 0]], [[1, 1], [1, 0]]])
  np.testing.assert_array_equal(partial.valid, [[[1, 1], [0, 1]], [[1, 1], [1, 0]]])


def test_forgetting_the_annotation_keeps_the_ignored_pixels():
  known, forgotten = (partial_examples(examples(), use_annotations) for use_annotations in (True, False))
  np.testing.assert_array_equal(known.label, examples()["label"])
  np.testing.assert_array_equal(forgotten.label, [[[0, 0], [IGNORE, 0]], [[0, 0], [0, IGNORE]]])
  np.testing.assert_array_equal(forgotten.annotated, np.zeros([2, 3]))
  np.testing.assert_array_equal(forgotten.valid, known.valid)


def test_guessed_are_the_counted_pixels_without_an_annotation():
  partial = partial_examples(examples(in_prior=tf.constant([1.0, 0.0])), use_annotations=True)
  np.testing.assert_array_equal(partial.guessed, [[[0, 1], [0, 1]], [[0, 0], [0, 0]]])


def test_masks_fit_volumes_too():
  label = tf.zeros([2, 3, 4, 5], tf.uint8)
  batch = {"image": tf.zeros([2, 3, 4, 5, 1]), "label": label, "annotated": tf.zeros([2, 3])}
  partial = partial_examples({**batch, "in_prior": tf.constant([1.0, 0.0])}, use_annotations=True)
  np.testing.assert_array_equal(tf.reduce_sum(partial.counted_by_prior, [1, 2, 3]), [60, 0])
