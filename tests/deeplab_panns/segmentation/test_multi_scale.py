"""Averages over scales: hand-made resizing by numpy, and the sizes that tensorflow/models tests at."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.segmentation.multi_scale import MultiScaleNetwork, _scaled

SCALES = (0.5, 1.0, 1.75)
WEIGHTS = np.random.default_rng(0).normal(size=(3, 3, 2, 4)) / 100
IMAGES = np.random.default_rng(1).integers(0, 256, (5, 9, 14, 2)).astype(np.float32)


class Convolution(tf.Module):
  """Logits by a 3 x 3 convolution, so that the scale matters; it remembers the sizes it was given."""

  output_shape = (None, None, None, 4)

  def __init__(self):
    super().__init__()
    self.seen = []

  def __call__(self, images, training=False):
    assert not training
    if tf.executing_eagerly():
      self.seen.append(tuple(images.shape[:3]))
    return tf.nn.conv2d(images, tf.constant(WEIGHTS, tf.float32), 1, "SAME")


def resized(images, sides):
  """Bilinear, pixel i of n at i * (m - 1) / (n - 1) of m: by one matrix an axis, in float64."""
  for axis, size in zip((1, 2), sides):
    length = images.shape[axis]
    at = np.arange(size) * (length - 1) / max(size - 1, 1)
    matrix = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(length)))
    images = np.moveaxis(np.tensordot(matrix, images, (1, axis)), 0, axis)
  return images


def by_hand(images, scales):
  """The mean of the softmax of logits that are computed at each scale and resized back."""
  total = 0
  for scale in scales:
    sides = [int((size - 1) * scale + 1) for size in images.shape[1:3]]
    logits = Convolution()(tf.constant(resized(images, sides), tf.float32)).numpy()
    exponentials = np.exp(resized(logits, images.shape[1:3]))
    total = total + exponentials / exponentials.sum(-1, keepdims=True)
  return total / len(scales)


@pytest.mark.parametrize("pixels_at_once", [None, 1, 2 * 9 * 14])
def test_the_mean_of_probabilities_over_the_scales(pixels_at_once):
  logits = MultiScaleNetwork(Convolution(), SCALES, pixels_at_once)(IMAGES)
  np.testing.assert_allclose(tf.nn.softmax(logits), by_hand(IMAGES, SCALES), atol=1e-5)


def test_one_scale_is_the_network():
  logits = MultiScaleNetwork(Convolution(), (1.0,), 2 * 9 * 14)(IMAGES)
  np.testing.assert_allclose(tf.nn.softmax(logits), tf.nn.softmax(Convolution()(IMAGES)), atol=1e-6)


def test_no_more_pixels_at_once_than_said_but_at_least_an_image():
  network = Convolution()
  MultiScaleNetwork(network, (1.0, 2.0), 300)(IMAGES)  # an image has 126 pixels, and 459 at the factor 2
  assert network.seen == [(2, 9, 14), (2, 9, 14), (1, 9, 14)] + [(1, 17, 27)] * 5


@pytest.mark.slow
def test_in_a_graph_of_unknown_sizes():
  network = MultiScaleNetwork(Convolution(), SCALES, 300)
  graph = tf.function(network, input_signature=[tf.TensorSpec([5, None, None, 2])])
  found = graph(IMAGES)
  np.testing.assert_allclose(found, network(IMAGES), atol=1e-5)
  assert graph.get_concrete_function().structured_outputs.shape.as_list() == [5, None, None, 4]


def test_sizes_that_the_original_tests_at():
  sizes = [int(_scaled(tf.constant([513]), scale)[0]) for scale in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)]
  assert sizes == [257, 385, 513, 641, 769, 897]  # tensorflow/models, deeplab/g3doc
  assert _scaled(tf.constant([1]), 0.5)[0] == 1
