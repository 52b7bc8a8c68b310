"""The features that a network's logits are made of, at the resolution of its image."""

from __future__ import annotations

import tensorflow as tf

from deeplab_panns.networks.convolution import UpsampleLike
from deeplab_panns.networks.deeplab_v3 import CropLike


def with_features(network: tf.keras.Model) -> tf.keras.Model:
  """The same network, of the same weights, that also puts out the features in front of its logits.

  Args:
    network: with a layer "logits", linear in the features of each pixel; where a layer "pad" and upsampling
      frame it (deeplab_v3), the features are upsampled and cropped as the logits are, so that these stay
      linear in them.
  Returns:
    A `tf.keras.Model`: image to (features [n, ..., channels], logits [n, ..., K + 1]).
  """
  features = network.get_layer("logits").input
  if any(layer.name == "pad" for layer in network.layers):
    features = UpsampleLike(dtype="float32")([features, network.get_layer("pad").output])
    features = CropLike(dtype="float32")([features, network.input])
  return tf.keras.Model(network.input, [features, network.output])
