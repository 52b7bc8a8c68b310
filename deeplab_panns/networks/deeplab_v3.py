"""DeepLab-v3 for slices: atrous ResNet, atrous spatial pyramid pooling, and on request the v3+ decoder.

L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, with the layers as
in tensorflow/models `research/deeplab/model.py`. Plain 3×3 convolutions are DeepLab-v3 as published;
`separable` is v3+'s economy, another network with 12.5 million parameters fewer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplab_panns.networks import convolution, dropout, resnet

TRUNK_BATCH_NORM_DECAY = 0.95
HEAD_BATCH_NORM_DECAY = 0.9997


@dataclasses.dataclass(frozen=True)
class HeadFilters:
  """Filters of the ASPP, of the low-level features that the decoder adds, and of the decoder."""

  aspp: int
  low_level: int
  decoder: int


HEAD_FILTERS = {
  "resnet50": HeadFilters(256, 48, 256),
  "resnet101": HeadFilters(256, 48, 256),
  "resnet_small": HeadFilters(48, 16, 32),
}
# Means of the ImageNet images that public plain-stem weights were trained on, in [0, 255].
IMAGENET_MEANS = (123.15, 115.90, 103.06)
WINDOW_FLOOR = 0.0  # padding is the lowest HU of the window, the air around the patient


@dataclasses.dataclass(frozen=True)
class DeepLabConfig:
  """What a DeepLab-v3 is built from; the defaults are this project's reading of the paper.

  Attributes:
    classes: Number of classes, background included.
    channels: Input channels: neighbouring slices.
    backbone: A key of `resnet.BACKBONES`.
    stem: "beta" or "plain" (one 7×7 convolution, as Keras' ImageNet weights have it).
    output_stride: Pixels per feature: 8, 16 or 32, which share their weights.
    multi_grid: Factors on the rates of the trunk's last three units.
    decoder: Whether to refine at the stem's stride, 4 for the ResNets of the paper, as v3+ does.
    separable: Whether the 3×3 convolutions of ASPP and decoder are depthwise separable.
    batch_norm_decay: For trunk and head alike; None: 0.95 and 0.9997. Head statistics at 0.9997 need some
      15,000 steps: lower it for shorter runs.
    dropout_rate: Of the ASPP's output, in training.
    weight_decay: TF1 convention, weight_decay · Σw² / 2, for convolution kernels but the depthwise ones.
  """

  classes: int = 14
  channels: int = 3
  backbone: str = "resnet50"
  stem: str = "beta"
  output_stride: int = 16
  multi_grid: tuple[int, int, int] = (1, 2, 4)
  decoder: bool = False
  separable: bool = False
  batch_norm_decay: float | None = None
  dropout_rate: float = 0.1
  weight_decay: float = 1e-4

  def __post_init__(self) -> None:
    for name, choices in (
      ("backbone", tuple(resnet.BACKBONES)),
      ("stem", resnet.STEMS),
      ("output_stride", resnet.OUTPUT_STRIDES),
    ):
      if getattr(self, name) not in choices:
        raise ValueError(f"{name}={getattr(self, name)}: must be one of {', '.join(map(str, choices))}")
    if len(self.multi_grid) != 3 or min(self.multi_grid) < 1:
      raise ValueError(
        f"multi_grid={','.join(map(str, self.multi_grid))}: must be three factors of at least 1, "
        "one for each unit of block 4"
      )
    for name, least, most in (
      ("classes", 2, math.inf),
      ("channels", 1, math.inf),
      ("batch_norm_decay", 0, 1),
      ("dropout_rate", 0, 0.99),
      ("weight_decay", 0, math.inf),
    ):
      self._require_between(name, least, most)

  def _require_between(self, name: str, least: float, most: float) -> None:
    value: float | None = getattr(self, name)
    if value is not None and not least <= value <= most:
      allowed = f"at least {least}" if most == math.inf else f"in [{least}, {most}]"
      raise ValueError(f"{name}={value}: must be {allowed}")

  @property
  def grid(self) -> int:
    """Images are padded to a multiple of this, plus 1.

    Only then do the samples of every stride lie on one another's grid, and features on the pixels where
    align-corners upsampling puts them. 16 serves output stride 8 too, so both see the same image.
    """
    return max(16, self.output_stride)


@tf.keras.utils.register_keras_serializable(package="panns")
class PadToGrid(tf.keras.layers.Layer):
  """Pads images at bottom and right, with WINDOW_FLOOR, to heights and widths of k · `grid` + 1."""

  def __init__(self, grid: int, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.grid = grid

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    # (1 - size) % grid; converters to ONNX take the remainder of negative numbers for a negative one
    missing = [(self.grid - (size - 1) % self.grid) % self.grid for size in _sides(inputs)]
    paddings = [[0, 0], *([0, rows] for rows in missing), [0, 0]]
    return tf.pad(inputs, paddings, constant_values=WINDOW_FLOOR)

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "grid": self.grid}


@tf.keras.utils.register_keras_serializable(package="panns")
class CropLike(tf.keras.layers.Layer):
  """[images, reference] to the images' upper left part, of the reference's height and width."""

  def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
    images, reference = inputs
    height, width = _sides(reference)
    return images[:, :height, :width]


def _sides(images: tf.Tensor) -> list[int | tf.Tensor]:
  """Height and width, each an integer where it is known: a fixed crop size gives a graph of fixed shapes."""
  dynamic = tf.shape(images)
  return [dynamic[axis] if images.shape[axis] is None else images.shape[axis] for axis in (1, 2)]


def deeplab_v3(config: DeepLabConfig) -> tf.keras.Model:
  """The network: images in [0, 255] to logits at the images' own resolution.

  Args:
    config: Sizes and options.
  Returns:
    A `tf.keras.Model`: [batch, height, width, channels], of any height and width, the HU window mapped to
    [0, 255], to float32 logits [batch, height, width, classes]. In training, call it inside
    `dropout.dropout_stream`, and add `model.losses`, the weight decay, to the loss.
  """
  image = tf.keras.Input([None, None, config.channels], name="image")
  padded = PadToGrid(config.grid, name="pad")(image)
  trunk = _trunk(scale_intensity(padded, config.stem), config)
  layers = convolution.ConvolutionUnits(
    "glorot_uniform", _decay(config, HEAD_BATCH_NORM_DECAY), config.weight_decay
  )
  features = aspp(trunk.features, config, layers)
  if config.decoder:
    features = decoder(features, trunk.low_level, config, layers)
  logits = _classifier(config)(features)
  # Softmax and loss want float32, also where the layers before compute in half precision.
  logits = convolution.UpsampleLike(dtype="float32", name="upsample")([logits, padded])
  logits = CropLike(dtype="float32", name="crop")([logits, image])
  return tf.keras.Model(image, logits, name="deeplab_v3")


def scale_intensity(image: tf.Tensor, stem: str) -> tf.Tensor:
  """To [-1, 1] for the beta stem; minus ImageNet's means for the plain one, as its public weights expect."""
  if stem == "beta":
    return tf.keras.layers.Rescaling(2 / 255, offset=-1, name="scale")(image)
  channels = image.shape[-1]
  means = IMAGENET_MEANS if channels == 3 else [sum(IMAGENET_MEANS) / 3] * channels
  return tf.keras.layers.Rescaling(1.0, offset=[-mean for mean in means], name="scale")(image)


def aspp(features: tf.Tensor, config: DeepLabConfig, layers: convolution.ConvolutionUnits) -> tf.Tensor:
  """Atrous spatial pyramid pooling: [batch, h, w, channels] to [batch, h, w, filters]."""
  filters = HEAD_FILTERS[config.backbone].aspp
  pooled = tf.keras.layers.GlobalAveragePooling2D(keepdims=True, name="pooling")(features)
  pooled = layers.relu(pooled, filters, 1, "pooling_conv")
  branches = [
    convolution.UpsampleLike(name="pooling_upsample")([pooled, features]),
    layers.relu(features, filters, 1, "aspp0"),
  ]
  for branch, pixels in enumerate((96, 192, 288), start=1):  # rates 6, 12, 18 at stride 16; 12, 24, 36 at 8
    branches.append(
      _convolution_3x3(
        features, filters, f"aspp{branch}", layers, config.separable, rate=pixels // config.output_stride
      )
    )
  features = tf.keras.layers.Concatenate(name="aspp_concat")(branches)
  features = layers.relu(features, filters, 1, "aspp_projection")
  return dropout.StatelessDropout(config.dropout_rate, name="aspp_dropout")(features)


def decoder(
  features: tf.Tensor, low_level: tf.Tensor, config: DeepLabConfig, layers: convolution.ConvolutionUnits
) -> tf.Tensor:
  """v3+'s decoder: the ASPP's features at the stem's stride, sharpened by the trunk's early ones."""
  filters = HEAD_FILTERS[config.backbone]
  low_level = layers.relu(low_level, filters.low_level, 1, "decoder_low_level")
  features = convolution.UpsampleLike(name="decoder_upsample")([features, low_level])
  features = tf.keras.layers.Concatenate(name="decoder_concat")([features, low_level])
  features = _convolution_3x3(features, filters.decoder, "decoder_conv1", layers, config.separable)
  return _convolution_3x3(features, filters.decoder, "decoder_conv2", layers, config.separable)


def _trunk(image: tf.Tensor, config: DeepLabConfig) -> resnet.TrunkFeatures:
  layers = convolution.ConvolutionUnits(
    "he_normal", _decay(config, TRUNK_BATCH_NORM_DECAY), config.weight_decay
  )
  return resnet.trunk(image, config.backbone, config.stem, config.output_stride, config.multi_grid, layers)


def _convolution_3x3(
  features: tf.Tensor,
  filters: int,
  name: str,
  layers: convolution.ConvolutionUnits,
  separable: bool,
  rate: int = 1,
) -> tf.Tensor:
  if separable:
    return layers.separable_relu(features, filters, name, rate)
  return layers.relu(features, filters, 3, name, rate=rate)


def _classifier(config: DeepLabConfig) -> tf.keras.layers.Layer:
  return convolution.Convolution(
    config.classes,
    1,
    name="logits",
    kernel_initializer=tf.keras.initializers.TruncatedNormal(stddev=0.01),
    kernel_regularizer=convolution.weight_penalty(config.weight_decay),
  )


def _decay(config: DeepLabConfig, default: float) -> float:
  return default if config.batch_norm_decay is None else config.batch_norm_decay
