"""What both halves of DeepLab-v3 are made of: dilated convolution, batch norm, align-corners resizing."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplab_panns.networks.batch_norm import BatchNorm
from dltk_unet.float16_on_cpu import accumulated_in_float32

BATCH_NORM_EPSILON = 1e-5  # 1e-3, Keras' default, belongs to DeepLab's Xception trunk


@functools.cache
def has_dilated_gradient(dtype: str) -> bool:
  """Whether `tf.nn.conv2d(dilations > 1)` can be differentiated on this machine; tried once per dtype name.

  Accelerators can. The CPU can with oneDNN, in float32 and (with AVX-512) bfloat16; otherwise TensorFlow 2.15
  raises in the middle of the step. TensorFlow switches oneDNN on by itself only where the CPU has
  neural-network instructions; elsewhere TF_ENABLE_ONEDNN_OPTS=1 must be set before its import.
  """
  if any(device.device_type != "CPU" for device in tf.config.list_logical_devices()):
    return True
  # The layers ask while a graph is being traced, where errors come too late and tapes do not record.
  with tf.init_scope(), tf.device("CPU:0"):
    image, kernel = tf.ones([1, 5, 5, 1], dtype), tf.ones([3, 3, 1, 1], dtype)
    settings = {"strides": [1] * 4, "padding": "SAME", "dilations": [1, 2, 2, 1]}
    try:
      tf.raw_ops.Conv2DBackpropFilter(input=image, filter_sizes=kernel.shape, out_backprop=image, **settings)
      tf.raw_ops.Conv2DBackpropInput(input_sizes=image.shape, filter=kernel, out_backprop=image, **settings)
    except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError):
      return False
  return True


def dilated_convolution(features: tf.Tensor, kernel: tf.Tensor, rate: int) -> tf.Tensor:
  """SAME convolution with stride 1 and `rate - 1` holes between the kernel's taps.

  One Conv2D op: Keras' `dilation_rate` shuffles space into the batch and back, 2.5 to 4.8 times as slow on
  the CPU. Where Conv2D has no gradient (see `has_dilated_gradient`), this does the same, by
  `tf.nn.convolution`.

  Args:
    features: [batch, height, width, channels].
    kernel: [odd, odd, channels, filters].
    rate: Distance between neighbouring taps, in features.
  Returns:
    [batch, height, width, filters].
  """
  kernel = _reaching_taps(kernel, features.shape[1:3], rate)
  if rate == 1 or kernel.shape[:2] == [1, 1]:
    return tf.nn.conv2d(features, kernel, strides=1, padding="SAME")
  if has_dilated_gradient(features.dtype.name):
    return tf.nn.conv2d(features, kernel, strides=1, padding="SAME", dilations=rate)
  return tf.nn.convolution(features, kernel, padding="SAME", dilations=rate)


def _reaching_taps(kernel: tf.Tensor, size: Sequence[int | None], rate: int) -> tf.Tensor:
  """The kernel without the taps so far from its centre that they meet only padding.

  On the 9×9 features of a small crop, ASPP's 3×3 kernel at rate 18 becomes a 1×1 kernel.

  Args:
    size: Height and width of the features; None where unknown, and nothing is cut there.
  """
  cuts = [
    max(taps // 2 - (length - 1) // rate, 0) if length else 0 for taps, length in zip(kernel.shape[:2], size)
  ]
  if not any(cuts):
    return kernel
  return kernel[cuts[0] : kernel.shape[0] - cuts[0], cuts[1] : kernel.shape[1] - cuts[1]]


def strided_convolution(features: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
  """Convolution that pads both sides equally, whatever the size ("conv2d_same" of tensorflow/models).

  SAME with stride 2 pads (0, 1) around an even size, which samples pixels 1, 3, 5 instead of 0, 2, 4.
  """
  padding = [[0, 0], *([side // 2, (side - 1) // 2] for side in kernel.shape[:2]), [0, 0]]
  return tf.nn.conv2d(features, kernel, strides=stride, padding=padding)


@tf.keras.utils.register_keras_serializable(package="panns")
class Convolution(tf.keras.layers.Conv2D):
  """Keras' Conv2D, square kernels of odd side, padding "same", through the two functions above.

  [batch, height, width, channels] to [batch, ceil(height / stride), ceil(width / stride), filters].
  """

  def __init__(
    self, filters: int, kernel_size: int | Sequence[int], padding: str = "same", **kwargs: Any
  ) -> None:
    super().__init__(filters, kernel_size, padding=padding, **kwargs)
    if padding != "same" or self.data_format != "channels_last":
      raise ValueError(
        f"{self.name}: received padding={padding!r}, data_format={self.data_format!r}; "
        "only 'same' and 'channels_last' are computed here."
      )

  def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Called by Conv2D instead of its own convolution."""
    return accumulated_in_float32(self._convolution, inputs, kernel)

  def _convolution(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    if self.strides[0] > 1:  # Conv2D has refused a stride together with a rate
      return strided_convolution(inputs, kernel, self.strides[0])
    return dilated_convolution(inputs, kernel, self.dilation_rate[0])


def batch_norm(decay: float, name: str) -> tf.keras.layers.Layer:
  """Batch normalization with γ and β; `decay` is the share of the moving statistics that survives a step."""
  return BatchNorm(momentum=decay, epsilon=BATCH_NORM_EPSILON, name=name)


def weight_penalty(weight_decay: float) -> tf.keras.regularizers.Regularizer | None:
  """TF1's `weight_decay * sum(w²) / 2`, the convention of the published value; None for 0."""
  return tf.keras.regularizers.l2(0.5 * weight_decay) if weight_decay else None


@dataclasses.dataclass(frozen=True)
class ConvolutionUnits:
  """Adds convolution, batch norm and ReLU, with the settings that one part of the network shares.

  Features are [batch, height, width, channels].
  """

  kernel_initializer: str | tf.keras.initializers.Initializer
  batch_norm_decay: float
  weight_decay: float

  def linear(
    self, features: tf.Tensor, filters: int, kernel_size: int, name: str, stride: int = 1, rate: int = 1
  ) -> tf.Tensor:
    """Bias-free convolution and batch norm."""
    convolution = Convolution(
      filters,
      kernel_size,
      strides=stride,
      dilation_rate=rate,
      use_bias=False,
      name=name,
      kernel_initializer=self.kernel_initializer,
      kernel_regularizer=weight_penalty(self.weight_decay),
    )
    return batch_norm(self.batch_norm_decay, f"{name}_bn")(convolution(features))

  def relu(
    self, features: tf.Tensor, filters: int, kernel_size: int, name: str, stride: int = 1, rate: int = 1
  ) -> tf.Tensor:
    """Bias-free convolution, batch norm and ReLU."""
    return tf.keras.layers.ReLU(name=f"{name}_relu")(
      self.linear(features, filters, kernel_size, name, stride, rate)
    )

  def separable_relu(self, features: tf.Tensor, filters: int, name: str, rate: int = 1) -> tf.Tensor:
    """3×3 depthwise, then 1×1 pointwise convolution, each with batch norm and ReLU.

    The standard deviations of the initial kernels, 0.33 and 0.06, and no weight decay on the depthwise kernel
    are those of `deeplab/core/utils.py`.
    """
    # Keras' layer goes through SpaceToBatch; the raw op's gradients are wrong on the CPU once it is dilated.
    depthwise = tf.keras.layers.DepthwiseConv2D(
      3,
      dilation_rate=rate,
      padding="same",
      use_bias=False,
      name=f"{name}_depthwise",
      depthwise_initializer=tf.keras.initializers.TruncatedNormal(stddev=0.33),
    )
    features = batch_norm(self.batch_norm_decay, f"{name}_depthwise_bn")(depthwise(features))
    features = tf.keras.layers.ReLU(name=f"{name}_depthwise_relu")(features)
    pointwise = dataclasses.replace(
      self, kernel_initializer=tf.keras.initializers.TruncatedNormal(stddev=0.06)
    )
    return pointwise.relu(features, filters, 1, f"{name}_pointwise")


def spatial_size(images: tf.Tensor) -> list[int] | tf.Tensor:
  """[height, width] of [batch, height, width, channels]: integers where known, else an int32 tensor."""
  size = images.shape[1:3]
  return size.as_list() if size.is_fully_defined() else tf.shape(images)[1:3]


def resize_align_corners(images: tf.Tensor, size: Sequence[int] | tf.Tensor) -> tf.Tensor:
  """Bilinear resizing of [batch, height, width, channels] with the corner pixels' *centres* held fixed.

  Feature i of a 16k+1 grid lies on pixel 16·i, and that is where this puts it; `tf.image.resize` would put it
  half a feature away. The arithmetic is float32, the result has the dtype of `images`.
  """
  resized = tf.compat.v1.image.resize(images, size, method="bilinear", align_corners=True)
  return tf.cast(resized, images.dtype)


@tf.keras.utils.register_keras_serializable(package="panns")
class UpsampleLike(tf.keras.layers.Layer):
  """[features, reference] to the features, resized (align corners) to the reference's height and width."""

  def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
    features, reference = inputs
    return resize_align_corners(features, spatial_size(reference))
