"""All but the logits comes from the other run, whatever its organs; other sizes are refused."""

import types

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.pretrained import earlier_run


def network(classes, filters=4, seed=0):
  tf.keras.utils.set_random_seed(seed)
  image = tf.keras.Input([None, None, 1])
  features = tf.keras.layers.Conv2D(filters, 3, name="features")(image)
  features = tf.keras.layers.BatchNormalization(name="features_bn")(features)
  return tf.keras.Model(image, tf.keras.layers.Conv2D(classes, 1, name="logits")(features))


@pytest.fixture
def theirs(monkeypatch):
  """A trained network of three classes, whose run is opened in the place of any folder."""
  trained = network(3, seed=1)
  for weight in trained.get_layer("features_bn").weights:
    weight.assign(weight + 0.25)
  run = types.SimpleNamespace(segmenter=types.SimpleNamespace(network=trained))
  monkeypatch.setattr(earlier_run, "open_run", lambda run_dir: run)
  return trained


def test_features_and_their_statistics_are_taken_and_logits_are_not(theirs):
  ours = network(5)
  logits = [weight.numpy() for weight in ours.get_layer("logits").weights]
  loaded = earlier_run.load_from_run(ours, "RUN")
  for layer in ("features", "features_bn"):
    for weight, value in zip(ours.get_layer(layer).weights, theirs.get_layer(layer).weights):
      np.testing.assert_array_equal(weight, value)
  for weight, value in zip(ours.get_layer("logits").weights, logits):
    np.testing.assert_array_equal(weight, value)
  assert (loaded.count, loaded.at_random, loaded.not_used) == (6, ("logits",), ("logits",))


def test_a_network_of_other_sizes_is_refused_and_left_as_it_was(theirs):
  ours = network(3, filters=6)
  before = ours.layers[1].kernel.numpy()
  with pytest.raises(
    InputError, match=r"--init_from=RUN: .* 2 layers of other sizes.* \(features, features_bn\)"
  ):
    earlier_run.load_from_run(ours, "RUN")
  np.testing.assert_array_equal(ours.layers[1].kernel, before)
