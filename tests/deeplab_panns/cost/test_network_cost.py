"""Counts that can be made by hand."""

import tensorflow as tf

from deeplab_panns.cost.network_cost import count


def test_two_convolutions_and_a_relu():
  image = tf.keras.Input([None, None, 3])
  hidden = tf.keras.layers.Conv2D(4, 3, padding="same", use_bias=False, activation="relu")(image)
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(2, 1, use_bias=False)(hidden))
  cost = count(network, (10, 10, 3))
  assert cost.multiply_accumulates == 100 * 4 * 27 + 100 * 2 * 4
  assert cost.activations == 100 * 4 + 100 * 4 + 100 * 2  # two convolutions and the ReLU
  assert cost.logits == 200 and cost.parameters == 4 * 27 + 2 * 4
