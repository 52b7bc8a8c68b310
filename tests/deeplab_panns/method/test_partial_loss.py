"""J_P on four pixels whose cross-entropies can be worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.partial_loss import partial_loss

LOGITS = tf.math.log(tf.constant([[[0.5, 0.2, 0.3], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [1e-9, 1e-9, 1.0]]]))
LABEL = tf.constant([[0, 1, 0, IGNORE]], tf.uint8)  # of which organ 1 is annotated
VALID = tf.constant([[1.0, 1.0, 1.0, 0.0]])


def loss_of(target=None, **objective):
  partial = PartialExamples(tf.zeros([1, 4, 1]), LABEL, tf.constant([[0.0, 1, 0]]), VALID, target=target)
  return float(partial_loss(Objective(**objective), LOGITS, partial))


def test_hard_targets_by_hand():
  """The ignored pixel counts neither above nor below the line."""
  target = tf.constant([[2, 1, 0, IGNORE]], tf.uint8)
  assert loss_of(target) == pytest.approx(-(np.log(0.3) + np.log(0.8) + np.log(0.2)) / 3, rel=1e-5)


def test_soft_targets_by_hand():
  target = tf.constant([[[0.6, 0, 0.4], [0, 1, 0], [1, 0, 0], [1, 0, 0]]], tf.float32)
  expected = -(0.6 * np.log(0.5) + 0.4 * np.log(0.3) + np.log(0.8) + np.log(0.2)) / 3
  assert loss_of(target, pseudo_labels="soft") == pytest.approx(expected, rel=1e-5)


def test_the_marginal_loss_by_hand():
  """Where organ 1 is not, it is background or organ 2: 0.8 on both pixels."""
  assert loss_of(partial_loss="marginal") == pytest.approx(-3 * np.log(0.8) / 3, rel=1e-5)


def test_without_targets_the_loss_is_the_marginal_one():
  assert loss_of() == loss_of(partial_loss="marginal")


def test_exclusion_adds_its_weight_times_its_own_loss():
  """On the pixel of organ 1, −log(1 − probability of organ 2)."""
  plain, more = loss_of(partial_loss="marginal"), loss_of(partial_loss="marginal", exclusion_weight=0.5)
  assert more - plain == pytest.approx(-0.5 * np.log(0.9) / 3, rel=1e-4)


def test_without_a_valid_pixel_the_loss_is_zero():
  nowhere = tf.fill([1, 4], tf.constant(IGNORE, tf.uint8))
  partial = PartialExamples(
    tf.zeros([1, 4, 1]), nowhere, tf.constant([[0.0, 1, 0]]), tf.zeros([1, 4]), target=nowhere
  )
  assert float(partial_loss(Objective(), LOGITS, partial)) == 0


def test_where_a_labelled_image_was_pasted_its_label_counts_and_no_annotation_below_it():
  """A network that predicts the mix has no loss, though organ 2 lies where organ 1 was annotated."""
  label, target = tf.constant([[1, 1, 0, 0]], tf.uint8), tf.constant([[1, 2, 2, 0]], tf.uint8)
  pasted = tf.constant([[False, True, True, True]])
  partial = PartialExamples(
    tf.zeros([1, 4, 1]), label, tf.constant([[0.0, 1, 0]]), tf.ones([1, 4]), target=target, pasted=pasted
  )
  logits = 50 * tf.one_hot(tf.cast(target, tf.int32), 3)
  objective = Objective(exclusion_weight=1.0)
  assert float(partial_loss(objective, logits, partial)) < 1e-6
  wrong = 50 * tf.one_hot([[2, 2, 2, 0]], 3)  # where the partial image shows it is background or organ 1
  without = float(partial_loss(Objective(), wrong, partial))
  assert float(partial_loss(objective, wrong, partial)) == pytest.approx(
    without + (50 - np.log(2)) / 4, rel=1e-5
  )
