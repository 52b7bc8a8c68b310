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
  moving = objective.get("aligned_to") != "prior_with_annotated"
  alignment = alignment or Alignment(np.array([0.5, 0.3, 0.2]), moving)
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
  partial = labelled_by(teaching(alignment, pseudo_labels="aligned", aligned_to="prior_with_annotated"))
  np.testing.assert_array_equal(partial.target, [[2, 1, 2, IGNORE]])
  expected = 0.9 * np.array([0.5, 0.3, 0.2]) + 0.1 * np.array([0, 1, 2]) / 3
  np.testing.assert_allclose(alignment.share, expected, rtol=1e-6)


def test_images_out_of_the_prior_do_not_move_the_alignment():
  alignment = Alignment(np.array([0.5, 0.3, 0.2]), moving=True)
  labelled_by(teaching(alignment, pseudo_labels="aligned"), in_prior=tf.constant([0.0]))
  np.testing.assert_allclose(alignment.share, [0.5, 0.3, 0.2])
  np.testing.assert_array_equal(alignment.offset, [0, 0, 0])


def mean_after_a_step(start, pixels):
  return 0.9 * np.array(start) + 0.1 * np.array(pixels) / np.sum(pixels)


@pytest.mark.parametrize(
  "objective, wanted",
  [
    # Of the pixels 0 and 2, which nobody annotated, organ 1 can have none: q among the rest is 5/7 and 2/7.
    ({}, [10 / 7, 0, 4 / 7]),
    ({"aligned_to": "teacher"}, [0.6 + 1 / 3, 0, 0.4 + 2 / 3]),
    ({"anchored_prior": True}, [0.5 + 0.25, 0, 0.5 + 0.75]),
  ],
)
def test_guessed_pixels_are_compared_with_what_is_wanted_of_them(objective, wanted):
  alignment = Alignment(np.array([0.5, 0.3, 0.2]), moving=True)
  expected = tf.constant([[[0.4, 0.2, 0.4], [1, 0, 0], [0.1, 0.6, 0.3], [1, 0, 0]]])
  more = {"expected": expected} if "anchored_prior" in objective else {}
  partial = labelled_by(teaching(alignment, pseudo_labels="aligned", **objective), **more)
  np.testing.assert_array_equal(partial.target, [[0, 1, 2, IGNORE]])
  start = [0.5, 0.3, 0.2]
  np.testing.assert_allclose(alignment.share, mean_after_a_step(start, [1, 0, 1]), rtol=1e-5)
  np.testing.assert_allclose(alignment.expected, mean_after_a_step(start, wanted), rtol=1e-4)


def test_the_known_sizes_of_a_set_do_not_move_the_guesses_in_the_others():
  """Ten times the annotated pixels: the alignment of the guesses is the same."""
  offsets = []
  for times in (1, 10):
    alignment = Alignment(np.array([0.5, 0.3, 0.2]), moving=True)
    columns = [0] + [1] * times + [2, 3]
    more = {"image": tf.constant(IMAGE[:, columns]), "label": tf.constant(LABEL[:, columns])}
    labelled_by(teaching(alignment, pseudo_labels="aligned"), **more)
    offsets.append(alignment.offset.numpy())
  np.testing.assert_allclose(*offsets, atol=1e-6)
  assert np.abs(offsets[0]).max() > 0


def test_the_atlas_moves_the_logits_by_the_share_it_expects():
  """Pixel 0 is background by .6 to .4 of organ 2, which the atlas expects there four times as often as q."""
  expected = tf.constant([[[0.1, 0.1, 0.8]] * 4])
  for weight, organ in ((0.0, 0), (0.5, 2)):
    ours = teaching(anchored_prior=True, atlas_weight=weight)
    assert labelled_by(ours, expected=expected).target.numpy()[0, 0] == organ
  ours = teaching(anchored_prior=True, atlas_weight=0.5)
  assert labelled_by(ours, expected=expected, in_prior=tf.constant([0.0])).target.numpy()[0, 0] == 0


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
