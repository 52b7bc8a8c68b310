"""What the convolutions of a network cost, counted from its graph."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf


def multiply_accumulates(network: tf.keras.Model, shape: Sequence[int]) -> int:
  """Multiply-accumulates of all convolutions in one forward pass, as the graph computes them.

  Args:
    network: float32 images of `shape` to logits.
    shape: of the input, with the batch first.
  """
  forward = tf.function(lambda image: network(image, training=False))
  graph = forward.get_concrete_function(tf.TensorSpec(shape, tf.float32)).graph
  inner = [function.graph for function in graph._functions.values() if hasattr(function, "graph")]  # pylint: disable=protected-access
  total = 0
  for operation in (operation for one in (graph, *inner) for operation in one.get_operations()):
    if operation.type in ("Conv2D", "Conv3D"):
      kernel = operation.inputs[1].shape.as_list()
      total += math.prod(operation.outputs[0].shape.as_list()) * math.prod(kernel[:-1])
  return total
