"""What the trunk's layers are called in public files of weights.

tensorflow/models `research/deeplab/core/resnet_v1_beta.py` and `research/slim/nets/resnet_v1.py`;
`keras/applications/resnet.py` of Keras 2; `torchvision/models/resnet.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNIT = re.compile(r"block(\d)_unit(\d+)_(conv\d|shortcut)")
_TORCH_LEAVES = {
  "gamma": "weight",
  "beta": "bias",
  "moving_mean": "running_mean",
  "moving_variance": "running_var",
  "kernel": "weight",
}


def is_trunk(layer: str) -> bool:
  """Whether a layer of the network is one of the trunk's convolutions or their batch norms."""
  return re.fullmatch(r"(conv1(_[123])?|block\d_unit\d+_(conv\d|shortcut))(_bn)?", layer) is not None


def source_name(kind: str, layer: str, leaf: str, scope: str = "") -> str:
  """The name of a tensor in a file.

  Args:
    kind: "tf1", "keras" or "torch".
    layer: of our network: "conv1_1", "block2_unit3_conv1_bn", ...
    leaf: "kernel", "gamma", "beta", "moving_mean" or "moving_variance"; "bias" for Keras' convolutions.
    scope: of a TF1 checkpoint, "resnet_v1_101".
  """
  convolution, is_norm = layer.removesuffix("_bn"), layer.endswith("_bn")
  if kind == "tf1":
    return f"{scope}/{_tf1_path(convolution)}/{f'BatchNorm/{leaf}' if is_norm else 'weights'}"
  if kind == "keras":
    return f"{_keras_layer(convolution, 'bn' if is_norm else 'conv')}/{leaf}"
  return f"{_torch_module(convolution, is_norm)}.{_TORCH_LEAVES[leaf]}"


def scope_of(names: Iterable[str]) -> str:
  """The scope of a TF1 ResNet's tensors, "resnet_v1_50" or the like; "" if there is none."""
  found = (re.match(r"(resnet_v1_\d+)/", name) for name in names)
  return next((match[1] for match in found if match), "")


def described(kind: str, names: Iterable[str]) -> str:
  """What network a file's names are of, as far as they tell: "ResNet-101 with the beta stem"."""
  known = set(names)
  scope = scope_of(known)
  layers = {depth: f"block3_unit{units}_conv1" for depth, units in (("101", 23), ("50", 6))}
  depth = next((d for d, layer in layers.items() if source_name(kind, layer, "kernel", scope) in known), None)
  stems = {"beta": "conv1_1", "plain": "conv1"}
  stem = next((s for s, layer in stems.items() if source_name(kind, layer, "kernel", scope) in known), None)
  if depth is None or stem is None:
    return "no ResNet-50 or -101 by its names"
  return f"ResNet-{depth} with the {stem} stem"


def _tf1_path(convolution: str) -> str:
  unit = _UNIT.fullmatch(convolution)
  return f"block{unit[1]}/unit_{unit[2]}/bottleneck_v1/{unit[3]}" if unit else convolution


def _keras_layer(convolution: str, what: str) -> str:
  unit = _UNIT.fullmatch(convolution)
  if not unit:
    return f"{convolution}_{what}"
  number = "0" if unit[3] == "shortcut" else unit[3][-1]
  return f"conv{int(unit[1]) + 1}_block{unit[2]}_{number}_{what}"


def _torch_module(convolution: str, is_norm: bool) -> str:
  unit = _UNIT.fullmatch(convolution)
  if not unit:
    return convolution.replace("conv", "bn") if is_norm else convolution
  block = f"layer{unit[1]}.{int(unit[2]) - 1}"
  if unit[3] == "shortcut":
    return f"{block}.downsample.{int(is_norm)}"
  return f"{block}.{unit[3].replace('conv', 'bn') if is_norm else unit[3]}"
