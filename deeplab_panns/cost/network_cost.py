"""Operations, bytes and memory of a network's training step, counted from its graph."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

from deeplab_panns.benchmark.convolution_cost import multiply_accumulates

# Their outputs are no arrays of their own, or weights.
_NO_ARRAYS = frozenset(
  {
    "Placeholder",
    "ReadVariableOp",
    "Const",
    "Identity",
    "StridedSlice",
    "Shape",
    "NoOp",
    "Reshape",
    "Squeeze",
  }
)


@dataclasses.dataclass(frozen=True)
class NetworkCost:
  """Of one image through the network, forwards.

  Attributes:
    multiply_accumulates: of its convolutions.
    activations: numbers that its operations write.
    logits: numbers of its result.
    parameters: of the whole network.
  """

  multiply_accumulates: float
  activations: float
  logits: float
  parameters: int


def count(network: tf.keras.Model, image_shape: Sequence[int]) -> NetworkCost:
  """Args:
  image_shape: [height, width, channels] or [z, y, x, 1].
  """
  shape = (1, *image_shape)
  forward = tf.function(lambda image: network(image, training=False), autograph=False)
  graph = forward.get_concrete_function(tf.TensorSpec(shape, tf.float32)).graph
  written = sum(
    math.prod(operation.outputs[0].shape.as_list())
    for operation in graph.get_operations()
    if operation.outputs
    and operation.type not in _NO_ARRAYS
    and operation.outputs[0].shape.is_fully_defined()
  )
  return NetworkCost(
    multiply_accumulates(network, shape),
    written,
    math.prod(graph.structured_outputs.shape.as_list()),
    sum(math.prod(weight.shape) for weight in network.weights),
  )
