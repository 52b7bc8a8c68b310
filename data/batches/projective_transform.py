"""Images sampled through projective transforms: tensorflow-addons' function, or the operation that it calls.

tensorflow-addons is no longer maintained and does not import under TensorFlow 2.16 and later. The operation
is TensorFlow's own, so the result is the same to the bit.
"""

from __future__ import annotations

import tensorflow as tf

try:
  import tensorflow_addons as tfa
except ImportError:  # TensorFlow 2.16 and later
  tfa = None


def transform(
  images: tf.Tensor,
  transforms: tf.Tensor,
  interpolation: str,
  output_shape: tf.Tensor,
  fill_value: float = 0.0,
) -> tf.Tensor:
  """Samples each image where its transform says.

  Args:
    images: [batch, rows, columns, channels], uint8 or float32.
    transforms: float32 [batch, 8], output (column, row) to input (column, row), as in `tfa.image.transform`.
    interpolation: "bilinear" or "nearest".
    output_shape: int32 [2], rows and columns.
    fill_value: of what lies beyond the image.
  Returns:
    [batch, rows, columns, channels] of the dtype of `images`.
  """
  if tfa is None:
    return by_operation(images, transforms, interpolation, output_shape, fill_value)
  return tfa.image.transform(
    images, transforms, interpolation, output_shape=output_shape, fill_value=fill_value
  )


def by_operation(
  images: tf.Tensor,
  transforms: tf.Tensor,
  interpolation: str,
  output_shape: tf.Tensor,
  fill_value: float = 0.0,
) -> tf.Tensor:
  """As `transform`, without tensorflow-addons."""
  return tf.raw_ops.ImageProjectiveTransformV3(
    images=images,
    transforms=transforms,
    output_shape=output_shape,
    interpolation=interpolation.upper(),
    fill_mode="CONSTANT",
    fill_value=fill_value,
  )
