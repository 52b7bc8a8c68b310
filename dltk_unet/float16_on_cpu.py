"""Operations that TensorFlow computes badly in float16 on a CPU, done as a GPU's tensor cores do them."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from dltk_unet.batch_norm import has_gpu


def accumulated_in_float32(operation: Callable[..., tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
  """`operation(*inputs)`; of float16 inputs without a GPU: in float32, then rounded to float16.

  Tensor cores multiply float16 numbers and add them up in float32; gradients come out rounded in the same
  way. TensorFlow's convolution of float16 on a CPU adds up in float16 and takes 110 to 130 times as long as
  that of float32; its MaxPool3D has no such kernel at all.

  Args:
    operation: of floating-point tensors of one dtype, to one of that dtype.
    inputs: its arguments.
  """
  if inputs[0].dtype != tf.float16 or has_gpu():
    return operation(*inputs)
  return tf.cast(operation(*(tf.cast(tensor, tf.float32) for tensor in inputs)), tf.float16)
