"""Public weights land where they belong: outputs equal to Keras' ResNet-50, every tensor of the others."""

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.networks.deeplab_v3 import IMAGENET_MEANS, DeepLabConfig, deeplab_v3
from deeplab_panns.pretrained.imagenet import load_imagenet, require_backbone
from dltk_unet.unet import UNetConfig
from tests.deeplab_panns.pretrained.synthetic_weights import (
  conv_layers,
  tf1_tensors,
  torch_tensors,
  write_safetensors,
  write_tf1,
)


def trunk_stand_in(depth, stem, channels=3):
  """Layers of the trunk's names and shapes without the network between them, which takes seconds to build."""
  layers = []
  for path, (height, width, entering, leaving) in conv_layers(depth, stem):
    name = path.replace("/unit_", "_unit").replace("/bottleneck_v1/", "_")
    entering = channels if name in ("conv1", "conv1_1") else entering
    conv = tf.keras.layers.Conv2D(leaving, (height, width), use_bias=False, name=name)
    conv.build([None, None, None, entering])
    norm = tf.keras.layers.BatchNormalization(name=f"{name}_bn")
    norm.build([None, None, None, leaving])
    layers += [conv, norm]
  head = tf.keras.layers.Conv2D(2, 1, name="logits")
  head.build([None, None, None, 8])
  network = type("Network", (), {"layers": [*layers, tf.keras.layers.ReLU(), head]})()
  network.get_layer = {layer.name: layer for layer in layers}.get
  return network


BETA = tf1_tensors("50", "beta")


@pytest.fixture(scope="module")
def beta_file(tmp_path_factory):
  """A checkpoint of tensorflow/models."""
  return write_tf1(tmp_path_factory.mktemp("weights") / "model.ckpt", BETA)


@pytest.mark.slow
def test_a_checkpoint_of_tensorflow_models_fills_the_beta_trunk(beta_file):
  tensors = BETA
  network, config = trunk_stand_in("50", "beta"), DeepLabConfig(backbone="resnet50", stem="beta")
  loaded = load_imagenet(network, config, beta_file)
  assert loaded.count == len(tensors) - 2 == 5 * 55  # 53 + 2 convolutions, each with four of batch norm
  assert loaded.not_used == ("global_step", "resnet_v1_50/logits/biases", "resnet_v1_50/logits/weights")
  assert loaded.at_random == ("logits",)
  assert "resnet_v1_50/logits/weights" in loaded.lines()[2] and "(1): logits" in loaded.lines()[1]
  for layer, name in (("conv1_2", "conv1_2"), ("block3_unit6_conv2", "block3/unit_6/bottleneck_v1/conv2")):
    np.testing.assert_array_equal(network.get_layer(layer).kernel, tensors[f"resnet_v1_50/{name}/weights"])
    np.testing.assert_array_equal(
      network.get_layer(f"{layer}_bn").moving_variance,
      tensors[f"resnet_v1_50/{name}/BatchNorm/moving_variance"],
    )


@pytest.mark.parametrize("channels", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_equal_slices_make_the_response_of_a_grey_picture(beta_file, channels):
  network = trunk_stand_in("50", "beta", channels)
  config = DeepLabConfig(backbone="resnet50", stem="beta", channels=channels)
  load_imagenet(network, config, beta_file)
  grey = np.random.default_rng(0).random((1, 9, 9, 1), np.float32)
  expected = tf.nn.conv2d(grey.repeat(3, -1), BETA["resnet_v1_50/conv1_1/weights"], 1, "SAME")
  found = tf.nn.conv2d(grey.repeat(channels, -1), network.get_layer("conv1_1").kernel, 1, "SAME")
  np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_torchvisions_weights_fill_the_plain_trunk(tmp_path):
  tensors, network = torch_tensors("50"), trunk_stand_in("50", "plain")
  path = write_safetensors(tmp_path / "resnet50.safetensors", tensors)
  loaded = load_imagenet(network, DeepLabConfig(backbone="resnet50", stem="plain"), path)
  assert loaded.count == 5 * 53
  assert set(loaded.not_used) == {name for name in tensors if "fc." in name or "num_batches" in name}
  kernel = network.get_layer("block2_unit1_conv2").kernel.numpy()
  np.testing.assert_array_equal(kernel, tensors["layer2.0.conv2.weight"].transpose(2, 3, 1, 0))
  # theirs reads (x / 255 - mean) / std, ours x - mean
  colours = tensors["conv1.weight"].transpose(2, 3, 1, 0) / np.array([58.395, 57.12, 57.375])[:, None]
  np.testing.assert_allclose(network.get_layer("conv1").kernel, colours, rtol=1e-5)


@pytest.mark.parametrize(
  "config, says",
  [
    ({"backbone": "resnet50", "stem": "plain"}, "is ResNet-50 with the beta stem; .*--stem=plain lacks 7 of"),
    ({"backbone": "resnet101"}, "is ResNet-50 .*--backbone=resnet101 --stem=beta lacks 255 of"),
  ],
)
def test_a_file_of_another_network_is_one_line_and_changes_nothing(beta_file, config, says):
  settings = DeepLabConfig(**config)
  network = trunk_stand_in(settings.backbone[6:], settings.stem)
  before = network.layers[0].kernel.numpy()
  with pytest.raises(InputError, match=says) as caught:
    load_imagenet(network, settings, beta_file)
  assert len(str(caught.value)) <= 300 + len(str(beta_file))
  np.testing.assert_array_equal(network.layers[0].kernel, before)


def test_networks_without_public_weights_are_refused():
  assert require_backbone(DeepLabConfig(backbone="resnet101")).backbone == "resnet101"
  for network in (UNetConfig(), DeepLabConfig(backbone="resnet_small")):
    with pytest.raises(InputError, match=r"--backbone=resnet50 or resnet101; leave it out, .* --init_from"):
      require_backbone(network)


@pytest.mark.slow
def test_the_trunk_computes_what_keras_resnet_50_does(tmp_path):
  """Output stride 32 and no multi-grid: the network of the weights. 97 is on all grids."""
  tf.keras.utils.set_random_seed(0)
  keras = tf.keras.applications.ResNet50(weights=None, include_top=False, input_shape=(97, 97, 3))
  rng = np.random.default_rng(0)
  for weight in keras.weights:  # biases and statistics that are not those of a new network
    if weight.shape.rank == 1:
      weight.assign(rng.random(weight.shape, np.float32) * 0.5 + (0.75 if "var" in weight.name else 0))
  keras.save_weights(tmp_path / "resnet50.h5")
  config = DeepLabConfig(backbone="resnet50", stem="plain", output_stride=32, multi_grid=(1, 1, 1), classes=2)
  network = deeplab_v3(config)
  loaded = load_imagenet(network, config, tmp_path / "resnet50.h5")
  assert loaded.count == 5 * 53 and loaded.not_used == () and "aspp0" in loaded.at_random
  trunk = tf.keras.Model(network.input, network.get_layer("block4_unit3_relu").output)
  image = rng.integers(0, 256, (1, 97, 97, 3)).astype(np.float32)
  ours = trunk(image, training=False).numpy()
  theirs = keras((image - IMAGENET_MEANS)[..., ::-1], training=False).numpy()  # blue, green, red
  assert ours.shape == theirs.shape == (1, 4, 4, 2048) and theirs.std() > 0
  assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()
