"""Mixing: whose pixel goes with whose label."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.mixing import paste_labeled
from deeplab_panns.method.partial_examples import PartialExamples


def examples(value, count, size):
  return tf.fill([count, *size, 2], float(value)), tf.fill([count, *size], tf.constant(value, tf.uint8))


def with_target(image, target):
  annotated = tf.zeros([len(image), 3])
  return PartialExamples(image, tf.zeros_like(target), annotated, tf.ones(target.shape), target=target)


def mixed(size=(20, 30), seed=0, step=0):
  image, label = examples(7, 3, size)
  return paste_labeled({"image": image, "label": label}, with_target(*examples(1, 2, size)), seed, step)


def test_a_pixel_and_its_label_come_from_the_same_image():
  for size in ((20, 30), (8, 9, 10)):
    result = mixed(size)
    np.testing.assert_array_equal(result.image[..., 0], tf.cast(result.target, tf.float32))
    np.testing.assert_array_equal(result.pasted, result.target == 7)


def test_the_box_takes_between_a_sixth_and_two_thirds_of_the_image():
  for step in range(30):
    for target in mixed((40, 40), step=step).target.numpy():
      rows, cols = np.flatnonzero((target == 7).any(1)), np.flatnonzero((target == 7).any(0))
      assert np.all(target[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] == 7)
      assert 15 <= len(rows) <= 33 and 15 <= len(cols) <= 33  # 0.4 and 0.8 of 40, give or take a pixel


def test_boxes_are_a_function_of_seed_and_step():
  np.testing.assert_array_equal(mixed(step=3).target, mixed(step=3).target)
  assert np.any(mixed(step=3).target != mixed(step=4).target) and np.any(
    mixed(seed=1).target != mixed(seed=2).target
  )


def test_ignored_pixels_of_the_mix_have_no_weight():
  image, label = examples(255, 1, (10, 10))
  result = paste_labeled({"image": image, "label": label}, with_target(*examples(1, 1, (10, 10))), 0, 0)
  np.testing.assert_array_equal(result.valid, tf.cast(result.target != 255, tf.float32))


def test_examples_without_targets_are_refused():
  image, label = examples(1, 1, (10, 10))
  partial = with_target(image, label)._replace(target=None)
  with pytest.raises(ValueError, match="without targets; label them"):
    paste_labeled({"image": image, "label": label}, partial, 0, 0)
