"""The loss scale by hand, and what it is for: gradients and shares of one in a million under float16."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.method.dual import Duals
from deeplab_panns.method.loss_scale import LossScale
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.panns import PaNN
from tests.deeplab_panns.method.test_panns import PRIOR, make_batch, make_network


def test_an_overflow_halves_it_down_to_one():
  scale = LossScale()
  scale.scale.assign(4.0)
  seen = []
  for _ in range(3):
    scale.follow(tf.constant(False))
    seen.append(float(scale.scale))
  assert seen == [2, 1, 1] and bool(scale.exhausted())


def test_it_doubles_after_its_patience_and_counts_anew():
  scale = LossScale()
  scale.good_steps.assign(LossScale.PATIENCE - 2)
  scale.follow(tf.constant(True))
  assert float(scale.scale) == LossScale.FIRST
  scale.follow(tf.constant(True))
  assert (float(scale.scale), int(scale.good_steps)) == (2 * LossScale.FIRST, 0)
  scale.good_steps.assign(7)
  scale.follow(tf.constant(False))
  assert (float(scale.scale), int(scale.good_steps)) == (LossScale.FIRST, 0)


def test_scaling_leaves_the_step_as_it_is_to_the_bit():
  results = []
  for loss_scale in (None, LossScale()):
    panns = PaNN(make_network(), make_network(1), Duals(PRIOR), Objective(lambda2=1.0), 0, loss_scale)
    panns.compile(optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.9))
    panns.train_step(make_batch())
    results.append(np.concatenate([weight.numpy().ravel() for weight in panns.network.weights]))
  np.testing.assert_array_equal(*results)


def half_network(logit_of_last):
  """Computes in float16; its third class has a logit far below the others, whatever the image."""
  image = tf.keras.Input([None, None, 2])
  layer = tf.keras.layers.Conv2D(3, 1, dtype="mixed_float16", kernel_initializer="zeros")
  network = tf.keras.Model(image, tf.keras.layers.Activation("linear", dtype="float32")(layer(image)))
  layer.bias.assign([0.0, 0.0, logit_of_last])
  return network


def test_a_share_of_one_in_a_million_lives_under_float16():
  """float16 ends at 6e-8, and its steps there are as wide: p̄, ν and the gradient are float32's."""
  panns = PaNN(half_network(-14.0), half_network(-14.0), Duals(PRIOR), Objective(lambda2=1.0), 0, LossScale())
  panns.compile(optimizer=tf.keras.optimizers.SGD(0.1))
  panns.duals.ascend_newton(tf.constant([0.5, 0.5, 1e-6]), 1.0)
  before = panns.network.layers[1].bias.numpy()
  panns.train_step(make_batch())
  expected = np.exp(-14.0) / (2 + np.exp(-14.0))  # 4e-7
  np.testing.assert_allclose(panns.tracked_share.result()[2], expected, rtol=1e-3)
  assert np.all(np.isfinite(panns.duals.nu)) and np.all(panns.duals.nu.numpy() < 0)
  assert int(panns.first_bad_step) == -1
  moved = panns.network.layers[1].bias.numpy() - before
  assert np.all(np.isfinite(moved)) and moved[2] > 0  # J_L and the prior both call for more of it


def test_the_gradient_of_a_rare_class_does_not_round_to_zero():
  """A pixel's share of the gradient, 1e-8, is below float16's least number; scaled by 2¹⁵ it is not."""
  gradient = tf.constant(1e-8)
  assert tf.cast(gradient, tf.float16) == 0
  scale = LossScale()
  [kept] = scale.unscaled([tf.cast(tf.cast(scale.scaled(gradient), tf.float16), tf.float32)])
  np.testing.assert_allclose(kept, 1e-8, rtol=1e-3)


@pytest.mark.parametrize("scale, bad_step", [(2.0, -1), (1.0, 1)])
def test_an_overflow_costs_a_step_until_no_scale_is_left(scale, bad_step):
  panns = PaNN(half_network(-1.0), half_network(-1.0), Duals(PRIOR), Objective(), 0, LossScale())
  panns.compile(optimizer=tf.keras.optimizers.SGD(0.1))
  panns.loss_scale.scale.assign(scale)
  batch = make_batch(partial=False)
  batch["labeled"]["image"] *= 1e-3
  kernel = panns.network.layers[1].kernel.numpy()

  @tf.custom_gradient
  def overflow(logits):
    return logits, lambda gradient: gradient * np.inf

  network = panns.network
  panns.network = tf.keras.Model(network.input, tf.keras.layers.Lambda(overflow)(network.output))
  panns.train_step(batch)
  assert int(panns.first_bad_step) == bad_step
  assert int(panns.optimizer.iterations) == 1
  np.testing.assert_array_equal(network.layers[1].kernel, kernel)
