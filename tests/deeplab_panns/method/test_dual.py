"""The saddle point against its closed form."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.dual import FLOOR, Duals

PRIOR = np.array([0.9, 0.06, 0.03, 0.0099, 0.0001])
SHARE = np.array([0.85, 0.1, 0.03, 0.0195, 0.0005], np.float32)


def direct(share):
  return -np.sum(PRIOR * np.log(share) + (1 - PRIOR) * np.log(1 - share))


def test_the_gradient_on_the_share_is_zero_with_fresh_duals():
  duals = Duals(PRIOR)
  np.testing.assert_allclose(duals.slope(), np.zeros(5), atol=1e-6)


def test_the_value_is_linear_in_the_share_and_its_gradient_is_the_slope():
  duals = Duals(PRIOR)
  duals.ascend_newton(tf.constant(SHARE), 0.5)
  share = tf.Variable(SHARE)
  with tf.GradientTape() as tape:
    value = duals.value(share)
  np.testing.assert_allclose(tape.gradient(value, share), duals.slope(), rtol=1e-4)


def test_newton_reaches_the_closed_form_for_a_constant_stream():
  duals = Duals(PRIOR)
  for _ in range(300):
    duals.ascend_newton(tf.constant(SHARE), 0.05)
  np.testing.assert_allclose(duals.nu, -1 / SHARE, rtol=1e-4)
  np.testing.assert_allclose(duals.mu, -1 / (1 - SHARE), rtol=1e-4)


def test_the_saddle_at_its_optimum_is_the_direct_loss():
  duals = Duals(PRIOR)
  duals.ascend_newton(tf.constant(SHARE), 1.0)
  assert float(duals.value(tf.constant(SHARE))) == pytest.approx(direct(SHARE.astype(np.float64)), abs=1e-5)


@pytest.mark.parametrize("scale", [0.3, 0.9, 1.2, 4.0])
def test_any_other_duals_are_below_the_direct_loss(scale):
  duals = Duals(PRIOR)
  duals.nu.assign(-scale / SHARE)
  assert float(duals.value(tf.constant(SHARE))) < direct(SHARE.astype(np.float64))


def test_at_the_optimum_the_pull_vanishes_where_the_share_equals_the_prior():
  duals = Duals(PRIOR)
  duals.ascend_newton(tf.constant(PRIOR, tf.float32), 1.0)
  np.testing.assert_allclose(duals.slope(), np.zeros(5), atol=1e-5)


def test_an_organ_above_its_prior_is_pushed_down_and_one_below_is_pulled_up():
  duals = Duals(PRIOR)
  share = tf.constant([0.9, 0.09, 0.005, 0.0049, 0.0001])
  duals.ascend_newton(share, 1.0)
  slope = duals.slope().numpy()
  assert slope[1] > 0 and slope[2] < 0  # descent on slope · p̄


def test_a_vanished_organ_pulls_ten_times_at_most():
  duals = Duals(PRIOR)
  duals.ascend_newton(tf.zeros(5), 1.0)
  np.testing.assert_allclose(duals.nu.numpy() * PRIOR, -1 / FLOOR * np.ones(5), rtol=1e-4)


@pytest.mark.slow
def test_the_printed_update_does_next_to_nothing():
  """The paper's step, 2e-5, and λ2 = 0.1: the organs' ν stay where they are for 1,000 steps."""
  duals = Duals(PRIOR)
  before = duals.nu.numpy()
  for _ in range(1000):
    duals.ascend_printed(tf.constant(SHARE), 2e-5, 0.1)
  moved = np.abs(duals.nu.numpy() / before - 1)
  assert moved[1:].max() < 1e-6


def test_the_printed_update_is_gradient_ascent():
  """In float64 by numpy's central differences, at a step large enough to see."""
  duals = Duals(PRIOR)
  duals.nu.assign(-1 / SHARE * 1.1)
  duals.mu.assign(np.minimum(-1 / (1 - SHARE) * 1.1, -1.01))
  nu, mu = duals.nu.numpy().astype(np.float64), duals.mu.numpy().astype(np.float64)
  slope_nu = PRIOR * (SHARE + 1 / nu)
  slope_mu = (1 - PRIOR) * (1 - SHARE + 1 / mu)
  duals.ascend_printed(tf.constant(SHARE), 0.01, 0.5)
  np.testing.assert_allclose(duals.nu, nu + 0.005 * slope_nu, rtol=1e-5)
  np.testing.assert_allclose(duals.mu, np.minimum(mu + 0.005 * slope_mu, -1), rtol=1e-5)


def test_the_printed_update_stays_below_zero():
  duals = Duals(PRIOR)
  duals.ascend_printed(tf.constant(SHARE), 1e6, 1.0)
  assert duals.nu.numpy().max() <= -1 and duals.mu.numpy().max() <= -1


@pytest.mark.slow
def test_the_floor_is_of_the_running_mean():
  """An organ in every tenth batch at ten times its share has its share on average, and u is that; a floor of
  each batch adds a tenth of it in the nine others: 9 %."""
  means = []
  for floor in ("mean", "batch"):
    duals = Duals([0.9, 0.1], floor=floor)
    u = []
    for step in range(160):
      duals.ascend_newton(tf.constant([0.0, 1.0] if step % 10 == 0 else [1.0, 0.0]), 0.05)
      u.append(-1 / float(duals.nu[1]))
    means.append(np.mean(u[100:]) / 0.1)
  np.testing.assert_allclose(means, [1, 1.09], atol=0.01)


def test_a_moving_prior_rests_where_every_batch_has_what_is_expected_of_it():
  """Organ 1 is here in one batch of five, and twice as large as q says: no pull, once and for all."""
  duals = Duals([0.9, 0.1], moving=True)
  for step in range(40):
    share = tf.constant([0.0, 1.0] if step % 5 == 0 else [1.0, 0.0])
    duals.ascend_newton(share, 0.05, expected=share)
    np.testing.assert_allclose(duals.slope(), 0, atol=1e-4)
  assert float(duals.prior[1]) > 0.15


def test_half_of_what_is_expected_pulls_up():
  duals = Duals([0.9, 0.1], moving=True)
  for _ in range(30):
    duals.ascend_newton(tf.constant([0.8, 0.2]), 0.3, expected=tf.constant([0.6, 0.4]))
  np.testing.assert_allclose(duals.slope(), [0.6 / -0.8 + 0.4 / 0.2, 0.4 / -0.2 + 0.6 / 0.8], rtol=1e-3)


@pytest.mark.parametrize("prior", [[0.5, 0.5, 0.0], [1.0, 0.0], [0.5, 0.6], [1.5, -0.5]])
def test_a_prior_that_is_none_is_refused(prior):
  with pytest.raises(ValueError, match="prior"):
    Duals(prior)
