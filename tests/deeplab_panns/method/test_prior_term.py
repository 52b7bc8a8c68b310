"""p̄ of a batch, the pull on it, and what the duals do after it."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.prior_term import PriorTerm

PRIOR = np.array([0.7, 0.2, 0.1])
PROBABILITIES = np.array(
  [[[0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], [[0.5, 0.4, 0.1], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]]]
)
LOGITS = tf.math.log(tf.constant(PROBABILITIES, tf.float32))
VALID = np.array([[1, 1, 0], [1, 1, 1]], np.float32)


def partial_images(in_prior=None, valid=VALID):
  mask = None if in_prior is None else tf.constant(in_prior, tf.float32)
  valid = tf.constant(valid, tf.float32)
  return PartialExamples(tf.zeros([2, 3, 1]), tf.zeros([2, 3], tf.uint8), tf.zeros([2, 3]), valid, mask)


def direct(share):
  return -np.sum(PRIOR * np.log(share) + (1 - PRIOR) * np.log(1 - share), axis=-1)


def test_the_share_is_the_mean_over_the_counted_pixels():
  term = PriorTerm(Duals(PRIOR), Objective())
  np.testing.assert_allclose(
    term.measure(LOGITS, partial_images()).share, PROBABILITIES[VALID > 0].mean(0), rtol=1e-5
  )
  measured = term.measure(LOGITS, partial_images(in_prior=[1, 0]))
  np.testing.assert_allclose(measured.share, [0.7, 0.2, 0.1], rtol=1e-5)  # the mean of the first two pixels


def test_fresh_duals_do_not_pull():
  measured = PriorTerm(Duals(PRIOR), Objective()).measure(LOGITS, partial_images())
  np.testing.assert_allclose(measured.pull, 0, atol=1e-6)


def test_the_pull_has_the_gradient_of_the_direct_term_once_the_duals_are_optimal():
  duals = Duals(PRIOR)
  term = PriorTerm(duals, Objective())
  share = term.measure(LOGITS, partial_images()).share
  duals.ascend_newton(share, 1.0)
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(LOGITS)
    measured = term.measure(LOGITS, partial_images())
    p = tf.reduce_sum(tf.nn.softmax(LOGITS) * VALID[..., None], [0, 1]) / VALID.sum()
    known = -tf.reduce_sum(PRIOR * tf.math.log(p) + (1 - PRIOR) * tf.math.log(1 - p))
  np.testing.assert_allclose(
    tape.gradient(measured.pull, LOGITS), tape.gradient(known, LOGITS), rtol=1e-4, atol=1e-6
  )
  np.testing.assert_allclose(term.value(measured), direct(share.numpy()), rtol=1e-5)


def test_the_prior_of_each_image_is_the_mean_of_their_direct_terms():
  term = PriorTerm(Duals(PRIOR), Objective(prior_scope="example"))
  shares = np.stack([PROBABILITIES[0, :2].mean(0), PROBABILITIES[1].mean(0)])
  assert float(term.measure(LOGITS, partial_images()).pull) == pytest.approx(direct(shares).mean(), rel=1e-5)


def test_what_is_expected_is_the_annotation_and_the_atlas_among_the_rest():
  """Organ 1 is annotated on one pixel and so nowhere else; the second image has no anchor."""
  expected = tf.constant([[[0.2, 0.6, 0.2]] * 3] * 2)
  partial = partial_images(in_prior=[1, 0])._replace(
    label=tf.constant([[1, 0, 255], [0, 0, 0]], tf.uint8),
    annotated=tf.constant([[0.0, 1, 0]] * 2),
    expected=expected,
  )
  duals = Duals(PRIOR, moving=True)
  term = PriorTerm(duals, Objective(dual_step=1.0))
  measured = term.measure(LOGITS, partial)
  np.testing.assert_allclose(measured.expected, [0.25, 0.5, 0.25], rtol=1e-5)
  term.ascend(measured)
  np.testing.assert_allclose(duals.prior, [0.25, 0.5, 0.25], rtol=1e-5)


@pytest.mark.parametrize("update", ["newton", "sgd"])
def test_the_duals_ascend_by_the_chosen_update(update):
  chosen, expected = Duals(PRIOR), Duals(PRIOR)
  term = PriorTerm(chosen, Objective(dual_update=update, dual_step=0.3, learning_rate_dual=0.2, lambda2=0.5))
  measured = term.measure(LOGITS, partial_images())
  term.ascend(measured)
  if update == "newton":
    expected.ascend_newton(measured.share, 0.3)
  else:
    expected.ascend_printed(measured.share, 0.2, 0.5)
  np.testing.assert_allclose(chosen.nu, expected.nu, rtol=1e-6)
  np.testing.assert_allclose(chosen.mu, expected.mu, rtol=1e-6)
  assert np.abs(chosen.nu.numpy() * PRIOR + 1).max() > 1e-3  # they did move


@pytest.mark.parametrize("images", [partial_images(in_prior=[0, 0]), partial_images(valid=np.zeros([2, 3]))])
def test_without_a_counted_pixel_the_duals_stay(images):
  duals = Duals(PRIOR)
  term = PriorTerm(duals, Objective(dual_step=1.0))
  measured = term.measure(LOGITS, images)
  term.ascend(measured)
  assert float(measured.has_pixels) == 0
  np.testing.assert_allclose(duals.nu, -1 / PRIOR, rtol=1e-6)
