"""The layer on one device against Keras'; tests/deeplab_panns/distribution has several."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks import batch_norm as module
from deeplab_panns.networks.batch_norm import BatchNorm
from dltk_unet import batch_norm as volumes

SETTINGS = {"momentum": 0.9, "epsilon": 1e-5}


def outcome(layer, trainable=True):
  """What a training call puts out, learns and hands back, in a graph as `fit` runs it."""
  image = tf.random.stateless_normal([2, 5, 4, 3], (0, 0), 2.0)
  layer.build(image.shape)
  layer.moving_mean.assign([0.5, 1.0, 1.5])
  layer.trainable = trainable

  @tf.function
  def step():
    with tf.GradientTape() as tape:
      tape.watch(image)
      normalized = layer(image, training=True)
      loss = tf.reduce_sum(normalized * tf.random.stateless_normal(image.shape, (1, 0)))
    return [normalized, *tape.gradient(loss, [image, layer.gamma, layer.beta])]

  return [*step(), *layer.get_weights()]


@pytest.mark.parametrize("trainable", [True, False])
def test_one_device_has_the_bits_of_keras(trainable):
  ours, keras = BatchNorm(**SETTINGS), tf.keras.layers.BatchNormalization(**SETTINGS)
  for one, other in zip(outcome(ours, trainable), outcome(keras, trainable)):
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("layer", [BatchNorm, volumes.BatchNorm])
def test_frozen_on_a_gpu_there_is_no_fused_kernel_and_the_same_numbers(monkeypatch, layer):
  """Its gradient with training off raises under --deterministic there."""

  def graph_and_result():
    frozen = layer(**SETTINGS)
    image = tf.random.stateless_normal([2, 2, 5, 4, 3][-4 if layer is BatchNorm else -5 :], (0, 0), 2.0)
    frozen.build(image.shape)
    frozen.trainable = False
    run = tf.function(lambda: frozen(image, training=True))
    return {node.type for node in run.get_concrete_function().graph.get_operations()}, run()

  fused, expected = graph_and_result()
  for where in (module, volumes):
    monkeypatch.setattr(where, "has_gpu", lambda: True)
  plain, result = graph_and_result()
  assert "FusedBatchNormV3" in fused and "FusedBatchNormV3" not in plain
  np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_the_statistics_can_be_read_on_any_replica():
  """Keras' own are averaged over replicas at each reading, which several hosts would have to do together."""
  layer = BatchNorm()
  layer.build([None, None, None, 2])
  assert layer.moving_mean.synchronization == tf.VariableSynchronization.AUTO
  assert layer.moving_mean.aggregation == tf.VariableAggregation.NONE
