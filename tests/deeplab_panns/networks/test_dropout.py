"""Dropout masks are a function of seed, step and the example's position alone."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks import dropout


def drop(batch, seed=3, step=7, positions=None, rate=0.5):
  with dropout.dropout_stream(seed, step, positions):
    return dropout.StatelessDropout(rate)(tf.ones([batch, 4, 5, 8]), training=True).numpy()


def test_the_same_seed_and_step_drop_the_same():
  np.testing.assert_array_equal(drop(4), drop(4))


@pytest.mark.parametrize("other", [{"seed": 4}, {"step": 8}])
def test_another_seed_or_step_drops_otherwise(other):
  assert 0.4 < np.mean(drop(16) != drop(16, **other)) < 0.6


def test_examples_differ_from_one_another():
  masks = drop(8)
  assert all((masks[0] != mask).any() for mask in masks[1:])


def test_an_examples_mask_does_not_depend_on_the_batch():
  np.testing.assert_array_equal(drop(6)[:2], drop(2))
  np.testing.assert_array_equal(drop(6)[4:], drop(2, positions=[4, 5]))
  np.testing.assert_array_equal(drop(6)[[1, 5]], drop(2, positions=[1, 5]))


def test_a_graph_with_a_step_tensor_and_an_unknown_batch_draws_the_same():
  layer = dropout.StatelessDropout(0.5)

  @tf.function(input_signature=[tf.TensorSpec([None, 4, 5, 8]), tf.TensorSpec([], tf.int64)])
  def step(features, number):
    with dropout.dropout_stream(3, number):
      return layer(features, training=True)

  np.testing.assert_array_equal(step(tf.ones([4, 4, 5, 8]), 7), drop(4))


def test_kept_features_are_scaled_so_that_the_mean_stays():
  dropped = drop(64, rate=0.1)
  np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.9], rtol=1e-6)
  np.testing.assert_allclose(np.mean(dropped == 0), 0.1, atol=0.01)  # 10,240 draws: 3 deviations are 0.009


def test_gradient_is_the_mask():
  features = tf.ones([2, 4, 5, 8])
  with tf.GradientTape() as tape, dropout.dropout_stream(3, 7):
    tape.watch(features)
    dropped = dropout.StatelessDropout(0.5)(features, training=True)
  np.testing.assert_array_equal(tape.gradient(dropped, features), dropped)


def test_inference_and_rate_zero_pass_everything():
  features = tf.ones([2, 3, 3, 4])
  assert (dropout.StatelessDropout(0.5)(features, training=False).numpy() == 1).all()
  assert (drop(2, rate=0.0) == 1).all()


def test_without_a_stream_it_is_ordinary_dropout():
  layer, features = dropout.StatelessDropout(0.5), tf.ones([4, 4, 5, 8])
  assert (layer(features, training=True).numpy() != layer(features, training=True).numpy()).any()


def test_streams_nest_and_end():
  outside = drop(2)
  with dropout.dropout_stream(3, 7):
    drop(2, seed=99)
    inside = dropout.StatelessDropout(0.5)(tf.ones([2, 4, 5, 8]), training=True)
  np.testing.assert_array_equal(inside, outside)


def test_replicas_that_give_their_positions_equal_one_replica():
  whole = drop(4)
  strategy = tf.distribute.MirroredStrategy(["CPU:0"])

  @tf.function
  def run():
    return strategy.run(lambda: _half_batch())

  def _half_batch():
    with dropout.dropout_stream(3, 7, positions=tf.constant([2, 3])):
      return dropout.StatelessDropout(0.5)(tf.ones([2, 4, 5, 8]), training=True)

  np.testing.assert_array_equal(strategy.experimental_local_results(run())[0], whole[2:])


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_impossible_rate_is_refused(rate):
  with pytest.raises(ValueError, match="rate"):
    dropout.StatelessDropout(rate)


def test_half_precision_stays():
  with dropout.dropout_stream(3, 7):
    dropped = dropout.StatelessDropout(0.5, dtype="float16")(tf.ones([2, 4, 5, 8], tf.float16), training=True)
  assert dropped.dtype == tf.float16
