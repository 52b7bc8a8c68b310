"""What the teacher labels, and how it follows the network."""

import numpy as np
import pytest
import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.pseudo_labels import Alignment
from deeplab_panns.method.teacher import Teaching

LABEL = np.array([[0, 1, 0, IGNORE]], np.uint8)  # of which organ 1 is annotated
# The teacher's own logits are the image; pixel 0 is organ 1 for it, which the annotation rules out.
IMAGE = np.log([[[0.3, 0.5, 0.2], [0.8, 0.1, 0.1], [0.3, 0.1, 0.6], [0.1, 0.1, 0.8]]]).astype(np.float32)


class Scaled(tf.keras.Model):
  """Logits that are the image times a weight."""

  def __init__(self, factor):
    super().__init__()
    self.factor = tf.Variable(float(factor), name="factor")

  def call(self, images, training=False):
    assert not training
    return self.factor * images


def teaching(alignment=None, teacher=1.0, **objective):
  alignment = alignment or Alignment(np.array([0.5, 0.3, 0.2]))
  return Teaching(Scaled(3.0), Scaled(teacher), alignment, Objective(**objective), seed=0)


def labelled_by(teaching, **more):
  examples = {
    "image": tf.constant(IMAGE),
    "label": tf.constant(LABEL),
    "annotated": tf.constant([[0.0, 1, 0]]),
    **more,
  }
  labeled = {"image": tf.zeros([1, 4, 3]), "label": tf.fill([1, 4], tf.constant(2, tf.uint8))}
  return teaching.partial_with_targets(examples, labeled, tf.constant(0, tf.int64))


def test_the_teacher_labels_what_is_not_annotated():
  np.testing.assert_array_equal(labelled_by(teaching()).target, [[0, 1, 2, IGNORE]])


def test_without_annotations_the_teacher_labels_all():
  np.testing.assert_array_equal(labelled_by(teaching(use_annotations=False)).target, [[1, 0, 2, IGNORE]])


def test_soft_targets_are_the_teachers_probabilities():
  target = labelled_by(teaching(pseudo_labels="soft")).target.numpy()
  np.testing.assert_allclose(target[0, 0], [0.6, 0, 0.4], rtol=1e-5)
  np.testing.assert_allclose(target[0, 1], [0, 1, 0])


def test_the_marginal_loss_gets_no_targets():
  assert labelled_by(teaching(partial_loss="marginal")).target is None


def test_aligned_labels_are_shifted_first_and_counted_afterwards():
  """An offset of 1 nat turns pixel 0 into organ 2, which then has two of the three valid pixels."""
  alignment = Alignment(np.array([0.5, 0.3, 0.2]))
  alignment.offset.assign([0.0, 0.0, 1.0])
  partial = labelled_by(teaching(alignment, pseudo_labels="aligned"))
  np.testing.assert_array_equal(partial.target, [[2, 1, 2, IGNORE]])
  expected = 0.9 * np.array([0.5, 0.3, 0.2]) + 0.1 * np.array([0, 1, 2]) / 3
  np.testing.assert_allclose(alignment.share, expected, rtol=1e-6)


def test_images_out_of_the_prior_do_not_move_the_alignment():
  alignment = Alignment(np.array([0.5, 0.3, 0.2]))
  labelled_by(teaching(alignment, pseudo_labels="aligned"), in_prior=tf.constant([0.0]))
  np.testing.assert_allclose(alignment.share, [0.5, 0.3, 0.2])
  np.testing.assert_array_equal(alignment.offset, [0, 0, 0])


def test_mixing_pastes_after_the_teacher_has_labelled():
  partial = labelled_by(teaching(mix=True))
  pasted = (partial.image.numpy() == 0).all(-1)
  assert 0 < pasted.sum() < 4
  np.testing.assert_array_equal(partial.target, np.where(pasted, 2, [[0, 1, 2, IGNORE]]))


@pytest.mark.parametrize("decay, expected", [(0.0, 1.0), (0.75, 0.75 * 1 + 0.25 * 3)])
def test_the_teacher_follows_by_its_decay(decay, expected):
  network, teacher = Scaled(3.0), Scaled(1.0)
  Teaching(network, teacher, Alignment(np.array([0.5, 0.5])), Objective(teacher_decay=decay), 0).follow()
  assert float(teacher.factor) == expected and float(network.factor) == 3


def test_a_snapshot_is_the_network():
  network, teacher = Scaled(3.0), Scaled(1.0)
  Teaching(network, teacher, Alignment(np.array([0.5, 0.5])), Objective(), 0).take_snapshot()
  assert float(teacher.factor) == 3
