"""DLTK's residual unit (`dltk/core/residual_unit.py`): pre-activated, its shortcut nearly without weights.

K. He et al., "Identity Mappings in Deep Residual Networks", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from dltk_unet.batch_norm import BatchNorm
from dltk_unet.float16_on_cpu import accumulated_in_float32

ACTIVATIONS = ("leaky_relu", "relu6")
LEAKY_SLOPE = 0.1  # `dltk/core/activations.py`


def activation(kind: str, name: str) -> tf.keras.layers.Layer:
  """A layer of the activation `kind`, one of ACTIVATIONS."""
  if kind == "relu6":
    return tf.keras.layers.ReLU(6.0, name=name)
  return tf.keras.layers.LeakyReLU(LEAKY_SLOPE, name=name)


@tf.keras.utils.register_keras_serializable(package="dltk_unet")
class Convolution(tf.keras.layers.Conv3D):
  """Keras' Conv3D, also in float16 on a CPU."""

  def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Called by Conv3D instead of its own convolution."""
    return accumulated_in_float32(super().convolution_op, inputs, kernel)


def convolution(
  filters: int, kernel_size: int | Sequence[int], name: str, strides: int | Sequence[int] = 1, **kwargs: Any
) -> tf.keras.layers.Layer:
  """A layer of SAME convolution without bias, initialized as DLTK's: variance scaling, fan-in, uniform."""
  return Convolution(
    filters,
    kernel_size,
    strides=strides,
    padding="same",
    use_bias=False,
    kernel_initializer="lecun_uniform",
    name=name,
    **kwargs,
  )


def residual_unit(
  features: tf.Tensor,
  filters: int,
  name: str,
  strides: tuple[int, int, int] = (1, 1, 1),
  activation_kind: str = "leaky_relu",
) -> tf.Tensor:
  """Twice batch norm, activation and convolution, plus the shortcut; nothing after the sum.

  Args:
    features: [batch, z, y, x, channels]; sizes multiples of `strides`, or the two ways end in unequal ones.
    filters: Channels of the result.
    name: Prefix of the layers' names.
    strides: Of the first convolution, (z, y, x). Its kernel is 2 · stride wide where that is above 1, so that
      every voxel counts alike, and 3 elsewhere.
    activation_kind: One of ACTIVATIONS.
  Returns:
    [batch, z / strides[0], y / strides[1], x / strides[2], filters].
  """
  residual = features
  kernels: tuple[int | Sequence[int], ...] = ([2 * stride if stride > 1 else 3 for stride in strides], 3)
  steps: tuple[int | Sequence[int], ...] = (strides, 1)
  for number, (kernel_size, step) in enumerate(zip(kernels, steps), start=1):
    residual = BatchNorm(name=f"{name}_bn{number}")(residual)
    residual = activation(activation_kind, f"{name}_act{number}")(residual)
    residual = convolution(filters, kernel_size, f"{name}_conv{number}", step)(residual)
  return tf.keras.layers.Add(name=f"{name}_add")([residual, shortcut(features, filters, name, strides)])


def shortcut(
  features: tf.Tensor, filters: int, name: str, strides: tuple[int, int, int] = (1, 1, 1)
) -> tf.Tensor:
  """The raw features, max-pooled to the residual's grid, then brought to its channels.

  More channels are zeros on both sides, the odd one behind; fewer take a 3³ convolution (not 1³), without
  batch norm or activation.
  """
  channels = features.shape[-1]
  if max(strides) > 1:
    features = MaxPool(strides, name=f"{name}_pool")(features)
  if filters > channels:
    return PadChannels(filters, name=f"{name}_pad")(features)
  if filters < channels:
    return convolution(filters, 3, f"{name}_shortcut")(features)
  return features


@tf.keras.utils.register_keras_serializable(package="dltk_unet")
class MaxPool(tf.keras.layers.MaxPool3D):
  """Keras' MaxPool3D, also in float16 on a CPU."""

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    return accumulated_in_float32(super().call, inputs)


@tf.keras.utils.register_keras_serializable(package="dltk_unet")
class PadChannels(tf.keras.layers.Layer):
  """[..., channels] to [..., filters]: half of the new channels, zeros, in front, the rest behind."""

  def __init__(self, filters: int, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.filters = filters

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    missing = self.filters - inputs.shape[-1]
    before = missing // 2
    return tf.pad(inputs, [[0, 0]] * (inputs.shape.rank - 1) + [[before, missing - before]])

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "filters": self.filters}
