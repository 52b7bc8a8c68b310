"""Features are what the logits are made of, pixel by pixel, in networks of either kind."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks.features import with_features
from tests.deeplab_panns.distribution import replica_run


@pytest.mark.parametrize(
  "kind, size", [pytest.param("2d", (1, 37, 41, 3), marks=pytest.mark.slow), ("3d", (1, 8, 8, 8, 1))]
)
def test_logits_are_linear_in_the_features_of_their_pixel(kind, size):
  network = replica_run.network(kind)
  layer = network.get_layer("logits")
  image = tf.random.stateless_uniform(size, (1, 2), 0, 255)
  features, logits = with_features(network)(image)
  assert features.shape[:-1] == image.shape[:-1]
  np.testing.assert_array_equal(logits, network(image))
  kernel, *bias = (weight.numpy().reshape(-1, 3) for weight in layer.weights)
  np.testing.assert_allclose(features.numpy() @ kernel + sum(bias), logits, atol=1e-4)
