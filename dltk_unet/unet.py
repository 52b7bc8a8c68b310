"""DLTK's residual 3-D U-Net, symmetric and asymmetric, as in `dltk/networks/segmentation/unet.py`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from dltk_unet.residual_unit import ACTIVATIONS, convolution, residual_unit
from dltk_unet.upsample import LinearUpsample

VARIANTS = ("symmetric", "asymmetric")
AXES = "zyx"


@dataclasses.dataclass(frozen=True)
class UNetConfig:
  """What a U-Net is built from; the defaults are DLTK's.

  Attributes:
    classes: Number of classes, background included.
    channels: Input channels.
    filters: Channels per scale, from full resolution down.
    strides: Per scale, the step (z, y, x) down to it: 1 or even, and (1, 1, 1) for the first scale.
    units: Residual units per scale. The first scale has none on the way down, only the initial convolution.
    variant: "symmetric" has `units` on the way up too, "asymmetric" one.
    decoder_activation: "leaky_relu" (slope 0.1) as in the encoder. "relu6" with "symmetric" is what DLTK
      computes: its symmetric network does not pass the activation on to the units of its decoder, which fall
      back to relu6.
  """

  classes: int = 14
  channels: int = 1
  filters: tuple[int, ...] = (16, 32, 64, 128)
  strides: tuple[tuple[int, int, int], ...] = ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
  units: int = 1
  variant: str = "symmetric"
  decoder_activation: str = "leaky_relu"

  def __post_init__(self) -> None:
    for name, least in (("classes", 2), ("channels", 1), ("units", 1)):
      if getattr(self, name) < least:
        raise ValueError(f"{name}={getattr(self, name)}: must be at least {least}")
    for name, choices in (("variant", VARIANTS), ("decoder_activation", ACTIVATIONS)):
      if getattr(self, name) not in choices:
        raise ValueError(f"{name}={getattr(self, name)}: must be one of {', '.join(choices)}")
    if len(self.filters) < 2 or min(self.filters) < 1:
      raise ValueError(f"filters={self.filters}: must be at least two scales, of at least 1 filter each")
    self._check_strides()

  def _check_strides(self) -> None:
    received = f"strides={self.strides}"
    if len(self.strides) != len(self.filters) or any(len(step) != 3 for step in self.strides):
      raise ValueError(f"{received}: must be one (z, y, x) for each scale of filters={self.filters}")
    if set(self.strides[0]) != {1}:
      raise ValueError(f"{received}: the first must be (1, 1, 1), since no upsampling leads back over it")
    if any(stride != 1 and (stride < 2 or stride % 2) for step in self.strides for stride in step):
      raise ValueError(
        f"{received}: each must be 1 or even, "
        "since DLTK's linear upsampling by an odd factor is half a voxel off"
      )

  @property
  def size_multiples(self) -> tuple[int, ...]:
    """Per axis (z, y, x) the product of the strides: sizes of volumes must be multiples of it."""
    return tuple(math.prod(strides) for strides in zip(*self.strides))


@tf.keras.utils.register_keras_serializable(package="dltk_unet")
class CheckSize(tf.keras.layers.Layer):
  """Hands on [batch, z, y, x, channels], or raises if a size is no multiple of its axis' `multiples`.

  Otherwise convolution, which rounds sizes up, and pooling, which rounds down, would part ways further in.

  Raises:
    ValueError: Where a size is known. Where it is not, tf.errors.InvalidArgumentError as the graph runs.
  """

  def __init__(self, multiples: Sequence[int], **kwargs: Any) -> None:
    super().__init__(**kwargs)
    self.multiples = tuple(multiples)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    for axis, (letter, size, multiple) in enumerate(zip(AXES, inputs.shape[1:4], self.multiples), start=1):
      rule = f"it must be a multiple of {multiple}, the product of the network's strides along {letter}"
      if size is None:
        tf.debugging.assert_equal(tf.shape(inputs)[axis] % multiple, 0, f"Volume's size {letter}: {rule}.")
      elif size % multiple:
        below = size - size % multiple
        nearest = f"{below} or {below + multiple}" if below else multiple
        raise ValueError(f"Received a volume of size {letter} = {size}; {rule}: pad or crop it to {nearest}.")
    return inputs

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "multiples": self.multiples}


def unet_3d(config: UNetConfig, size: Sequence[int | None] = (None, None, None)) -> tf.keras.Model:
  """The network: volumes in [0, 255] to logits on the volumes' own grid.

  Args:
    config: A UNetConfig.
    size: (z, y, x) of all volumes, if it is to be fixed.
  Returns:
    A `tf.keras.Model`: float32 [batch, z, y, x, channels], the HU window mapped to [0, 255], to logits
    [batch, z, y, x, classes], float32 under mixed precision too. Sizes must be multiples of
    `config.size_multiples`, see CheckSize. No weight decay.
  """
  volume = tf.keras.Input([*size, config.channels], name="volume")
  features = CheckSize(config.size_multiples, name="check_size")(volume)
  features = tf.keras.layers.Rescaling(2 / 255, offset=-1, name="scale")(features)
  scales = encoder(features, config)
  features = decoder(scales, config)
  # Softmax and loss want float32, also where the layers before compute in half precision.
  logits = convolution(config.classes, 1, "logits", dtype="float32")(features)
  return tf.keras.Model(volume, logits, name="dltk_unet_3d")


def encoder(features: tf.Tensor, config: UNetConfig) -> list[tf.Tensor]:
  """The features of every scale, from full resolution down."""
  features = convolution(config.filters[0], 3, "initial")(features)
  scales = [features]
  for scale in range(1, len(config.filters)):
    for unit in range(config.units):
      strides = (1, 1, 1) if unit else config.strides[scale]
      features = residual_unit(features, config.filters[scale], f"encoder{scale}_unit{unit + 1}", strides)
    scales.append(features)
  return scales


def decoder(scales: Sequence[tf.Tensor], config: UNetConfig) -> tf.Tensor:
  """From the coarsest of the encoder's `scales` to features [batch, z, y, x, filters[0]]."""
  units = config.units if config.variant == "symmetric" else 1
  features = scales[-1]
  for scale in reversed(range(len(scales) - 1)):
    name = f"decoder{scale}"
    features = LinearUpsample(config.strides[scale + 1], name=f"{name}_upsample")(features)
    features = tf.keras.layers.Concatenate(name=f"{name}_concat")([scales[scale], features])
    for unit in range(1, units + 1):
      features = residual_unit(
        features, config.filters[scale], f"{name}_unit{unit}", activation_kind=config.decoder_activation
      )
  return features


def multiply_accumulates(config: UNetConfig, size: Sequence[int]) -> int:
  """Multiply-accumulates of the convolutions in one forward pass of one volume.

  Taps that meet only padding count too, as is usual. A training step does about three times as many.
  Builds the network, weights and all.

  Args:
    config: A UNetConfig.
    size: (z, y, x) of the volume, multiples of `config.size_multiples`.
  """
  layers = unet_3d(config, size).layers
  return sum(
    math.prod(layer.output_shape[1:4]) * layer.count_params()
    for layer in layers
    if isinstance(layer, tf.keras.layers.Conv3D)
  )
