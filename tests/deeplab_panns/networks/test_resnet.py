"""The trunk against published counts, against itself at other output strides, and against Keras' ResNets."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks import convolution, resnet

LAYERS = convolution.ConvolutionUnits("he_normal", 0.95, 1e-4)


def build(backbone="resnet_small", stem="beta", output_stride=16, multi_grid=(1, 2, 4), channels=3):
  image = tf.keras.Input([None, None, channels])
  features, low_level = resnet.trunk(image, backbone, stem, output_stride, multi_grid, LAYERS)
  return tf.keras.Model(image, [features, low_level])


def counts(model):
  def number(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)

  return number(model.trainable_weights), number(model.non_trainable_weights)


def randomise(model, seed=0):
  """Random batch-norm statistics, γ and β; without them inference mode hides errors."""
  generator = np.random.default_rng(seed)
  ranges = {
    "gamma": (0.5, 1.0),
    "beta": (-0.2, 0.2),
    "moving_mean": (-0.2, 0.2),
    "moving_variance": (0.8, 1.6),
  }
  for weight in model.weights:
    kind = weight.name.split("/")[-1].split(":")[0]
    if kind in ranges:
      weight.assign(generator.uniform(*ranges[kind], weight.shape))


def test_units_keep_their_stride_until_the_output_stride_is_reached():
  units = (3, 4, 6, 3)
  last = [(2, 1)]
  assert resnet.strides_and_rates(units, 32) == [
    [(1, 1)] * 2 + last,
    [(1, 1)] * 3 + last,
    [(1, 1)] * 5 + last,
    [(1, 1)] * 3,
  ]
  assert resnet.strides_and_rates(units, 16, (1, 2, 4)) == [
    [(1, 1)] * 2 + last,
    [(1, 1)] * 3 + last,
    [(1, 1)] * 6,
    [(1, 2), (1, 4), (1, 8)],
  ]
  assert resnet.strides_and_rates(units, 8, (1, 2, 4)) == [
    [(1, 1)] * 2 + last,
    [(1, 1)] * 4,
    [(1, 2)] * 6,
    [(1, 4), (1, 8), (1, 16)],
  ]


@pytest.mark.slow
@pytest.mark.parametrize("output_stride, size", [(8, 13), (16, 7)])
def test_sizes_of_features_and_low_level(output_stride, size):
  features, low_level = build(output_stride=output_stride)(tf.zeros([1, 97, 97, 3]))
  assert features.shape == [1, size, size, 256]
  assert low_level.shape == [1, 49, 49, 64]  # no pooling in the small one


@pytest.fixture(scope="module")
def resnet50():
  return build("resnet50")


def test_resnet50_has_the_published_numbers_of_weights(resnet50):
  assert counts(resnet50) == (23_631_808, 53_504)


def test_decoder_reads_what_deeplab_reads(resnet50):
  low_level = resnet50.outputs[1]
  assert low_level.node.layer.name == "block1_unit2_conv3_bn"  # before sum and ReLU
  assert low_level.shape[-1] == 256


@pytest.mark.slow
@pytest.mark.parametrize(
  "backbone, stem, channels, expected",
  [
    ("resnet50", "plain", 3, (23_508_032, 53_120)),
    ("resnet50", "beta", 1, (23_630_656, 53_504)),
    ("resnet101", "plain", 3, (42_500_160, 105_344)),
    ("resnet101", "beta", 3, (42_623_936, 105_728)),
  ],
)
def test_other_trunks_have_the_published_numbers_of_weights(backbone, stem, channels, expected):
  assert counts(build(backbone, stem, channels=channels)) == expected


def assert_atrous_consistency(backbone, multi_grid, sizes):
  nominal = 8 * resnet.BACKBONES[backbone].stem_stride
  coarse = build(backbone, output_stride=nominal, multi_grid=multi_grid)
  randomise(coarse)
  for output_stride in [stride for stride in (16, 8) if stride < nominal]:
    dense = build(backbone, output_stride=output_stride, multi_grid=multi_grid)
    dense.set_weights(coarse.get_weights())
    step = nominal // output_stride
    for size in sizes:
      image = tf.random.stateless_uniform([1, size, size, 3], seed=(size, 0), minval=-1)
      expected, expected_low_level = coarse(image)
      features, low_level = dense(image)
      assert np.abs(expected).max() > 0.1
      np.testing.assert_allclose(features[:, ::step, ::step], expected, atol=1e-5 * np.abs(expected).max())
      np.testing.assert_allclose(low_level, expected_low_level, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("multi_grid", [(1, 1, 1), (1, 2, 4)])
def test_dense_features_subsampled_equal_coarse_ones(multi_grid):
  assert_atrous_consistency("resnet_small", multi_grid, sizes=(64, 65, 97))


@pytest.mark.slow
@pytest.mark.parametrize("multi_grid", [(1, 1, 1), (1, 2, 4)])
def test_dense_features_of_resnet50_subsampled_equal_coarse_ones(multi_grid):
  assert_atrous_consistency("resnet50", multi_grid, sizes=(64, 65, 97))


def copy_from_keras(keras, model):
  """Keras' convolutions have biases in front of batch norm: they move into the moving mean."""
  blocks = sorted(
    {tuple(layer.name.split("_")[:2]) for layer in keras.layers if "_block" in layer.name},
    key=lambda name: (name[0], int(name[1][len("block") :])),
  )
  pairs = [("conv1", "conv1")]
  for stage, unit in blocks:
    ours = f"block{int(stage[-1]) - 1}_unit{unit[len('block') :]}"
    names = {"1": "conv1", "2": "conv2", "3": "conv3", **({"0": "shortcut"} if unit == "block1" else {})}
    pairs += [(f"{stage}_{unit}_{index}", f"{ours}_{name}") for index, name in names.items()]
  for keras_name, name in pairs:
    kernel, bias = keras.get_layer(f"{keras_name}_conv").get_weights()
    gamma, beta, mean, variance = keras.get_layer(f"{keras_name}_bn").get_weights()
    model.get_layer(name).set_weights([kernel])
    model.get_layer(f"{name}_bn").set_weights([gamma, beta, mean - bias, variance])
  return len(pairs)


@pytest.mark.slow
@pytest.mark.parametrize(
  "backbone, convolutions, output_strides",
  [("resnet50", 53, (32, 16, 8)), ("resnet101", 104, (8,))],
)
def test_plain_stem_equals_keras_resnet_on_odd_sizes(backbone, convolutions, output_strides):
  applications = tf.keras.applications
  application = {"resnet50": applications.ResNet50, "resnet101": applications.ResNet101}[backbone]
  keras = application(include_top=False, weights=None, input_shape=[None, None, 3])
  randomise(keras)
  image = tf.random.stateless_uniform([1, 97, 97, 3], seed=(0, 0), minval=-1)
  expected = keras(image)
  for output_stride in output_strides:
    model = build(backbone, "plain", output_stride, multi_grid=(1, 1, 1))
    assert copy_from_keras(keras, model) == convolutions
    step = 32 // output_stride
    np.testing.assert_allclose(
      model(image)[0][:, ::step, ::step], expected, atol=1e-5 * np.abs(expected).max()
    )
