"""Names as the three programs have them, written out here by hand."""

import pytest

from deeplab_panns.pretrained.names import described, is_trunk, scope_of, source_name


@pytest.mark.parametrize(
  "layer, leaf, tf1, keras, torch",
  [
    ("conv1", "kernel", "s/conv1/weights", "conv1_conv/kernel", "conv1.weight"),
    ("conv1_bn", "gamma", "s/conv1/BatchNorm/gamma", "conv1_bn/gamma", "bn1.weight"),
    (
      "block1_unit1_shortcut",
      "kernel",
      "s/block1/unit_1/bottleneck_v1/shortcut/weights",
      "conv2_block1_0_conv/kernel",
      "layer1.0.downsample.0.weight",
    ),
    (
      "block1_unit1_shortcut_bn",
      "moving_mean",
      "s/block1/unit_1/bottleneck_v1/shortcut/BatchNorm/moving_mean",
      "conv2_block1_0_bn/moving_mean",
      "layer1.0.downsample.1.running_mean",
    ),
    (
      "block3_unit23_conv2",
      "kernel",
      "s/block3/unit_23/bottleneck_v1/conv2/weights",
      "conv4_block23_2_conv/kernel",
      "layer3.22.conv2.weight",
    ),
    (
      "block4_unit3_conv3_bn",
      "moving_variance",
      "s/block4/unit_3/bottleneck_v1/conv3/BatchNorm/moving_variance",
      "conv5_block3_3_bn/moving_variance",
      "layer4.2.bn3.running_var",
    ),
    (
      "block2_unit1_conv1_bn",
      "beta",
      "s/block2/unit_1/bottleneck_v1/conv1/BatchNorm/beta",
      "conv3_block1_1_bn/beta",
      "layer2.0.bn1.bias",
    ),
  ],
)
def test_each_program_has_its_own_name(layer, leaf, tf1, keras, torch):
  assert source_name("tf1", layer, leaf, "s") == tf1
  assert source_name("keras", layer, leaf) == keras
  assert source_name("torch", layer, leaf) == torch
  assert is_trunk(layer)


def test_the_head_is_no_trunk():
  assert is_trunk("conv1_3_bn") and not any(
    map(is_trunk, ("aspp0", "logits", "decoder_conv1", "conv1_4", "aspp0_bn"))
  )


def test_a_file_is_described_by_its_names():
  beta = [
    "global_step",
    "resnet_v1_101/conv1_1/weights",
    "resnet_v1_101/block3/unit_23/bottleneck_v1/conv1/weights",
  ]
  assert scope_of(beta) == "resnet_v1_101" and described("tf1", beta) == "ResNet-101 with the beta stem"
  assert described("torch", ["conv1.weight", "layer3.5.conv1.weight"]) == "ResNet-50 with the plain stem"
  assert described("keras", ["block1_conv1/kernel"]) == "no ResNet-50 or -101 by its names"
