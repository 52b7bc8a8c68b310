"""The trunk of DeepLab-v3 from public ImageNet weights, mapped by name.

TF1's checkpoints are of this very network. Keras' ResNet-50 and -101 stride in the first 1×1 convolution of a
block instead of the last 3×3 of the block before, which computes the same. torchvision's stride in the first
3×3 of a block (its "v1.5"): blocks 2 to 4 begin with a 3×3 that saw a finer grid in its training, so these
weights are a start and not the same function.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from data.input_error import InputError
from data.listed import listed
from data.whole_file import AnyPath
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.pretrained.names import described, is_trunk, scope_of, source_name
from deeplab_panns.pretrained.tensor_files import TensorFile, read_tensors

Weights = npt.NDArray[np.float32]
BACKBONES = ("resnet50", "resnet101")
_KERAS_EPSILON, _OUR_EPSILON = 1.001e-5, 1e-5
# Keras' weights read blue, green, red. torchvision's read colours divided by their standard deviation.
_TORCH_STD = 255 * np.array([0.229, 0.224, 0.225], np.float32)


@dataclasses.dataclass(frozen=True)
class Loaded:
  """What was taken, and what was not.

  Attributes:
    count: tensors taken from the file.
    at_random: layers of the network that the file says nothing of; they keep their initial weights.
    not_used: tensors of the file, by its names.
  """

  source: str
  count: int
  at_random: tuple[str, ...]
  not_used: tuple[str, ...]

  def lines(self) -> list[str]:
    """For the user: every layer and every tensor that was not matched."""
    return [
      f"{self.source}: {self.count} tensors taken",
      f"  start at random ({len(self.at_random)}): {', '.join(self.at_random) or 'none'}",
      f"  in the file and not used ({len(self.not_used)}): {', '.join(self.not_used) or 'none'}",
    ]


def require_backbone(network: object) -> DeepLabConfig:
  """The settings of a network that public weights exist for. Raises InputError for others."""
  if not isinstance(network, DeepLabConfig) or network.backbone not in BACKBONES:
    raise InputError(
      "--pretrained: there are public weights of --network=deeplab_v3, --backbone=resnet50 or resnet101; "
      "leave it out, or start from a run of yours by --init_from."
    )
  return network


def load_imagenet(network: tf.keras.Model, config: DeepLabConfig, path: AnyPath) -> Loaded:
  """Sets the trunk's weights, moving statistics included.

  Where a network has not three input channels, each gets the sum of the kernels of the three colours divided
  by the number of channels: equal slices make the response that a grey picture made.

  Raises:
    InputError: If the file is not of this trunk; nothing is changed then.
  """
  found = read_tensors(path)
  trunk = [layer for layer in network.layers if layer.weights and is_trunk(layer.name)]
  values, used, missing = {}, set(), []
  for layer in trunk:
    for weight in layer.weights:
      leaf = weight.name.rpartition("/")[2].partition(":")[0]
      taken = _Source(found).tensor(layer.name, leaf, config.channels)
      if taken is None or taken.value.shape != tuple(weight.shape):
        missing.append(f"{layer.name}/{leaf}")
      else:
        values[weight.ref()] = taken.value
        used |= taken.names
  if missing:
    raise InputError(
      f"--pretrained={path}: is {described(found.kind, found.tensors)}; --backbone={config.backbone} "
      f"--stem={config.stem} lacks {len(missing)} of {len(missing) + len(values)} tensors in it "
      f"({listed(missing, 2)}); give the flags of the file, or another file."
    )
  for reference, value in values.items():
    reference.deref().assign(value)
  others = [layer.name for layer in network.layers if layer.weights and not is_trunk(layer.name)]
  return Loaded(str(path), len(values), tuple(others), tuple(sorted(set(found.tensors) - used)))


@dataclasses.dataclass(frozen=True)
class _Taken:
  value: Weights
  names: set[str]


class _Source:
  """The tensors of a file, as our layers want them."""

  def __init__(self, file: TensorFile) -> None:
    self._file = file
    self._scope = scope_of(file.tensors)

  def tensor(self, layer: str, leaf: str, channels: int) -> _Taken | None:
    """The value of a layer's weight and the names that it is made of; None if the file has none."""
    name = source_name(self._file.kind, layer, leaf, self._scope)
    if name not in self._file.tensors:
      return None
    value, names = self._file.tensors[name], {name}
    if leaf == "kernel":
      value = self._kernel(value, is_first=layer in ("conv1", "conv1_1"), channels=channels)
    elif self._file.kind == "keras" and leaf == "moving_variance":
      value = value + np.float32(_KERAS_EPSILON - _OUR_EPSILON)
    elif self._file.kind == "keras" and leaf == "moving_mean":
      # Keras' convolutions have a bias, which batch norm subtracts again
      bias = source_name("keras", layer.removesuffix("_bn"), "bias")
      if bias in self._file.tensors:
        value, names = value - self._file.tensors[bias], {name, bias}
    return _Taken(value, names)

  def _kernel(self, value: Weights, is_first: bool, channels: int) -> Weights:
    if value.ndim != 4:
      return value
    if self._file.kind == "torch":  # [out, in, height, width]
      value = value.transpose(2, 3, 1, 0)
    if not is_first or value.shape[2] != 3:
      return value
    if self._file.kind == "keras":
      value = value[:, :, ::-1]
    elif self._file.kind == "torch":
      value = value / _TORCH_STD[:, None]
    if channels != 3:
      value = np.repeat(value.sum(axis=2, keepdims=True) / channels, channels, axis=2)
    return value
