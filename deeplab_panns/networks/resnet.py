"""The trunk: bottleneck ResNet-v1 whose last strides can be traded for dilation ("atrous").

As in tensorflow/models `research/deeplab/core/resnet_v1_beta.py`: the stride sits in the *last* unit of
blocks 1 to 3, and the beta stem has three 3×3 convolutions instead of one 7×7.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_panns.networks.convolution import ConvolutionUnits

STEMS = ("beta", "plain")
OUTPUT_STRIDES = (8, 16, 32)
EXPANSION = 4  # a unit puts out 4 times its inner width


@dataclasses.dataclass(frozen=True)
class Backbone:
  """The sizes of a ResNet.

  Attributes:
    stem_filters: of the beta stem's three convolutions; the plain stem has the first alone.
    units: residual units of the four blocks.
    widths: inner width, in channels, of the four blocks' units.
    pooled: whether a max-pool follows the stem, so that block 1 sees stride 4; 2 without.
  """

  stem_filters: tuple[int, int, int]
  units: tuple[int, int, int, int]
  widths: tuple[int, int, int, int]
  pooled: bool = True

  @property
  def stem_stride(self) -> int:
    """Pixels per feature in front of block 1."""
    return 4 if self.pooled else 2


BACKBONES = {
  "resnet50": Backbone((64, 64, 128), (3, 4, 6, 3), (64, 128, 256, 512)),
  "resnet101": Backbone((64, 64, 128), (3, 4, 23, 3), (64, 128, 256, 512)),
  # For the CPU, and pixels of 3 to 4 mm, where an aorta is five pixels wide: so no pooling.
  "resnet_small": Backbone((16, 16, 16), (2, 2, 2, 3), (16, 32, 48, 64), pooled=False),
}


class UnitStep(NamedTuple):
  """How a unit's 3×3 convolution steps over the features: its stride and its dilation rate."""

  stride: int
  rate: int


class TrunkFeatures(NamedTuple):
  """What the trunk puts out.

  Attributes:
    features: [batch, (height-1) // output_stride + 1, (width-1) // output_stride + 1, 4 · last width].
    low_level: at the stem's stride, what the decoder reads: the residual branch of block 1's last unit but
      one.
  """

  features: tf.Tensor
  low_level: tf.Tensor


def strides_and_rates(
  units: Sequence[int], output_stride: int, multi_grid: Sequence[int] = (1, 1, 1), stem_stride: int = 4
) -> list[list[UnitStep]]:
  """Stride and dilation rate of every unit, one list for each block.

  Once the features are as coarse as `output_stride` allows, each later unit keeps its stride at 1, and from
  the unit *after* it the rate makes up for the stride it lost. `multi_grid` multiplies block 4's rates.
  """
  reached, rate = stem_stride, 1
  blocks: list[list[UnitStep]] = []
  for block, count in enumerate(units, start=1):
    blocks.append([])
    for unit in range(count):
      nominal = 2 if block < 4 and unit == count - 1 else 1
      grid = multi_grid[unit] if block == 4 else 1
      if reached == output_stride:
        blocks[-1].append(UnitStep(1, rate * grid))
        rate *= nominal
      else:
        blocks[-1].append(UnitStep(nominal, grid))
        reached *= nominal
  return blocks


def trunk(
  image: tf.Tensor,
  backbone: str,
  stem: str,
  output_stride: int,
  multi_grid: Sequence[int],
  layers: ConvolutionUnits,
) -> TrunkFeatures:
  """Adds the trunk to `image`.

  Args:
    image: [batch, height, width, channels], already scaled; sizes of 16k+1 keep all grids aligned.
    backbone: A key of BACKBONES.
    stem: "beta" or "plain"; only the plain one has the shapes of Keras' ImageNet weights.
    output_stride: 8, 16 or 32: pixels from one feature to the next.
    multi_grid: Three factors on the rates of block 4's units.
    layers: What to build from.
  """
  table = BACKBONES[backbone]
  features = _stem(image, table, stem, layers)
  low_level = None
  schedule = strides_and_rates(table.units, output_stride, multi_grid, table.stem_stride)
  for block, (width, units) in enumerate(zip(table.widths, schedule), start=1):
    for unit, step in enumerate(units, start=1):
      name = f"block{block}_unit{unit}"
      residual = _residual(features, width, step, name, layers)
      shortcut = _shortcut(features, EXPANSION * width, step.stride, name, layers)
      features = tf.keras.layers.Add(name=f"{name}_sum")([shortcut, residual])
      features = tf.keras.layers.ReLU(name=f"{name}_relu")(features)
      if (block, unit) == (1, len(units) - 1):
        low_level = residual
  return TrunkFeatures(features, low_level)


def _stem(image: tf.Tensor, table: Backbone, stem: str, layers: ConvolutionUnits) -> tf.Tensor:
  """Stride 2 by convolution, and another 2 by pooling where the backbone has it."""
  filters = table.stem_filters
  if stem == "plain":
    features = layers.relu(image, filters[0], 7, "conv1", stride=2)
  else:
    features = layers.relu(image, filters[0], 3, "conv1_1", stride=2)
    features = layers.relu(features, filters[1], 3, "conv1_2")
    features = layers.relu(features, filters[2], 3, "conv1_3")
  return (
    tf.keras.layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(features)
    if table.pooled
    else features
  )


def _residual(
  features: tf.Tensor, width: int, step: UnitStep, name: str, layers: ConvolutionUnits
) -> tf.Tensor:
  """1×1, 3×3, 1×1; the ReLU of the third comes after the sum."""
  features = layers.relu(features, width, 1, f"{name}_conv1")
  features = layers.relu(features, width, 3, f"{name}_conv2", stride=step.stride, rate=step.rate)
  return layers.linear(features, EXPANSION * width, 1, f"{name}_conv3")


def _shortcut(
  features: tf.Tensor, filters: int, stride: int, name: str, layers: ConvolutionUnits
) -> tf.Tensor:
  """The unit's input, subsampled; projected where the channel count changes, in the first unit of a block."""
  if features.shape[-1] != filters:
    return layers.linear(features, filters, 1, f"{name}_shortcut", stride=stride)
  if stride == 1:
    return features
  return tf.keras.layers.MaxPooling2D(1, strides=stride, padding="same", name=f"{name}_shortcut")(features)
