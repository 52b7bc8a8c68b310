"""DeepLab-v3 as a whole: counts, sizes, padding, weight decay, saving."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.networks import convolution, deeplab_v3, dropout
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig

SMALL = DeepLabConfig(classes=5, backbone="resnet_small", decoder=True)
HEAD_LAYERS = convolution.ConvolutionUnits("glorot_uniform", 0.9997, 1e-4)


def counts(model):
  def number(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)

  return number(model.trainable_weights), number(model.non_trainable_weights)


def random_image(*shape, seed=0):
  return tf.random.stateless_uniform(shape, seed=(seed, 0), maxval=255)


@pytest.fixture(scope="module")
def fresh():
  tf.keras.utils.set_random_seed(0)
  return deeplab_v3.deeplab_v3(SMALL)


@pytest.fixture(scope="module")
def small():
  """The small network after a few batches, so that its batch-norm statistics are not the initial ones."""
  network = deeplab_v3.deeplab_v3(dataclasses.replace(SMALL, batch_norm_decay=0.5))
  for seed in range(3):
    network(random_image(4, 65, 65, 3, seed=seed), training=True)
  return network


@pytest.mark.parametrize("separable, expected", [(False, (15_535_104, 3_072)), (True, (3_019_776, 15_360))])
def test_aspp_has_the_published_numbers_of_weights(separable, expected):
  features = tf.keras.Input([None, None, 2048])
  model = tf.keras.Model(features, deeplab_v3.aspp(features, DeepLabConfig(separable=separable), HEAD_LAYERS))
  assert counts(model) == expected


@pytest.mark.parametrize("separable, expected", [(False, (1_303_648, 1_120)), (True, (162_928, 2_240))])
def test_decoder_has_the_published_numbers_of_weights(separable, expected):
  inputs = [tf.keras.Input([None, None, 256]), tf.keras.Input([None, None, 256])]
  config = DeepLabConfig(decoder=True, separable=separable)
  assert counts(tf.keras.Model(inputs, deeplab_v3.decoder(*inputs, config, HEAD_LAYERS))) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
  "settings, expected",
  [
    ({}, (39_170_510, 56_576)),
    ({"classes": 13}, (39_170_510 - 257, 56_576)),
    ({"stem": "plain"}, (39_046_734, 56_192)),
    ({"decoder": True}, (40_474_158, 57_696)),
    ({"separable": True}, (26_655_182, 68_864)),
    ({"separable": True, "decoder": True}, (26_818_110, 71_104)),
    ({"backbone": "resnet101"}, (58_162_638, 108_800)),
    ({"backbone": "resnet101", "stem": "plain"}, (58_038_862, 108_416)),
    ({"backbone": "resnet101", "decoder": True}, (59_466_286, 109_920)),
    ({"backbone": "resnet101", "separable": True}, (45_647_310, 121_088)),
    ({"backbone": "resnet101", "separable": True, "decoder": True}, (45_810_238, 123_328)),
  ],
)
def test_network_has_the_published_numbers_of_weights(settings, expected):
  assert counts(deeplab_v3.deeplab_v3(DeepLabConfig(**settings))) == expected


def test_logits_have_the_images_size_and_start_near_zero(fresh):
  for size in [(65, 65), (33, 50), (1, 7)]:
    logits = fresh(random_image(2, *size, 3))
    assert logits.shape == [2, *size, 5] and logits.dtype == tf.float32
    assert np.abs(logits).max() < 1


@pytest.mark.parametrize("size, padded", [((64, 80), (65, 81)), ((65, 81), (65, 81)), ((66, 50), (81, 65))])
def test_other_sizes_are_padded_with_the_window_floor(small, size, padded):
  image = random_image(1, *size, 3)
  height, width = size
  by_hand = tf.pad(image, [[0, 0], [0, padded[0] - height], [0, padded[1] - width], [0, 0]])
  np.testing.assert_allclose(small(image), small(by_hand)[:, :height, :width], atol=1e-6)


def test_unknown_sizes_give_the_same_logits(small):
  dynamic = tf.function(lambda image: small(image), [tf.TensorSpec([None, None, None, 3])])
  image = random_image(2, 50, 40, 3)
  np.testing.assert_allclose(dynamic(image), small(image), atol=1e-5)


def test_a_known_crop_gives_known_shapes(small):
  step = tf.function(lambda image: small(image), [tf.TensorSpec([2, 96, 96, 3])])
  assert step.get_concrete_function().output_shapes == [2, 96, 96, 5]


def test_grid_is_the_same_for_output_strides_8_and_16():
  assert [DeepLabConfig(output_stride=stride).grid for stride in (8, 16, 32)] == [16, 16, 32]


@pytest.mark.slow
def test_weights_fit_every_output_stride(small):
  dense = deeplab_v3.deeplab_v3(dataclasses.replace(SMALL, output_stride=8))
  dense.set_weights(small.get_weights())
  assert [weight.name for weight in dense.weights] == [weight.name for weight in small.weights]
  assert dense(random_image(1, 65, 65, 3)).shape == [1, 65, 65, 5]


def test_aspp_at_twice_the_rate_sees_the_same_on_twice_the_grid():
  def branches(output_stride):
    features = tf.keras.Input([None, None, 8])
    config = dataclasses.replace(SMALL, output_stride=output_stride)
    model = tf.keras.Model(features, deeplab_v3.aspp(features, config, HEAD_LAYERS))
    return model, tf.keras.Model(features, model.get_layer("aspp_concat").output)

  (fine, fine_branches), (coarse, coarse_branches) = branches(8), branches(16)
  fine.set_weights(coarse.get_weights())
  grid = random_image(1, 27, 27, 8) / 255
  pooling = deeplab_v3.HEAD_FILTERS["resnet_small"].aspp
  one, other = fine_branches(grid)[:, ::2, ::2], coarse_branches(grid[:, ::2, ::2])
  np.testing.assert_allclose(one[..., pooling:], other[..., pooling:], atol=1e-6)
  assert np.abs(one[..., :pooling] - other[..., :pooling]).max() > 1e-6  # another mean over the image


@pytest.mark.slow
def test_weight_decay_covers_all_convolution_kernels_but_depthwise_ones():
  network = deeplab_v3.deeplab_v3(dataclasses.replace(SMALL, separable=True))
  assert any("depthwise" in weight.name for weight in network.trainable_weights)
  kernels = [weight for weight in network.trainable_weights if weight.name.endswith("/kernel:0")]
  assert any(kernel.name == "logits/kernel:0" for kernel in kernels)
  expected = 1e-4 * sum(float(tf.nn.l2_loss(kernel)) for kernel in kernels)
  np.testing.assert_allclose(sum(network.losses), expected, rtol=1e-5)


def test_batch_norm_decays_are_the_parts_own_unless_one_is_given(fresh, small):
  def decays(network):
    return {network.get_layer(name).momentum for name in ("conv1_1_bn", "block4_unit3_conv3_bn")}, {
      network.get_layer(name).momentum for name in ("aspp0_bn", "pooling_conv_bn", "decoder_conv2_bn")
    }

  assert decays(fresh) == ({0.95}, {0.9997})
  assert decays(small) == ({0.5}, {0.5})


@pytest.mark.parametrize(
  "stem, channels, expected",
  [
    ("beta", 3, [[-1, -1, -1], [1, 1, 1]]),
    ("plain", 3, [[-123.15, -115.90, -103.06], [131.85, 139.10, 151.94]]),
    ("plain", 1, [[-114.036667], [140.963333]]),
  ],
)
def test_intensities_are_scaled_as_the_stem_expects(stem, channels, expected):
  image = tf.constant([0.0, 255.0])[tf.newaxis, :, tf.newaxis, tf.newaxis] * tf.ones([channels])
  np.testing.assert_allclose(deeplab_v3.scale_intensity(image, stem)[0, :, 0], expected, rtol=1e-5)


@pytest.mark.slow
def test_every_weight_gets_a_gradient_the_same_one_each_time(small):
  image = random_image(2, 65, 65, 3)

  @tf.function
  def gradients(step):
    with tf.GradientTape() as tape, dropout.dropout_stream(0, step):
      loss = tf.reduce_mean(tf.square(small(image, training=True)))
    return tape.gradient(loss, small.trainable_variables)

  state = small.get_weights()
  first, again, later = (gradients(tf.constant(step)) for step in (1, 1, 2))
  small.set_weights(state)
  for gradient, same in zip(first, again):
    np.testing.assert_allclose(gradient, same, atol=1e-6)
  assert any(np.abs(one - other).max() > 1e-5 for one, other in zip(first, later))


@pytest.mark.slow
def test_mixed_precision_computes_in_half_and_answers_in_float32():
  tf.keras.mixed_precision.set_global_policy("mixed_float16")
  try:
    network = deeplab_v3.deeplab_v3(SMALL)
    assert network.get_layer("aspp1").compute_dtype == "float16"
    assert network(random_image(1, 40, 40, 3)).dtype == tf.float32
  finally:
    tf.keras.mixed_precision.set_global_policy("float32")


@pytest.mark.slow
def test_saved_model_answers_as_the_network_does(small, tmp_path):
  image = random_image(2, 40, 50, 3)
  tf.saved_model.save(small, str(tmp_path / "saved"))
  signature = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
  np.testing.assert_allclose(signature(image)["crop"], small(image), atol=1e-5)


@pytest.mark.slow
def test_config_and_weights_rebuild_the_network(small, tmp_path):
  small.save_weights(str(tmp_path / "weights.h5"))
  rebuilt = tf.keras.Model.from_config(small.get_config())
  rebuilt.load_weights(str(tmp_path / "weights.h5"))
  image = random_image(1, 40, 50, 3)
  np.testing.assert_array_equal(rebuilt(image), small(image))


@pytest.mark.parametrize(
  "settings, message",
  [
    ({"backbone": "vgg"}, "backbone=vgg: must be one of resnet50, resnet101, resnet_small"),
    ({"stem": "gamma"}, "stem=gamma: must be one of beta, plain"),
    ({"output_stride": 4}, "output_stride=4: must be one of 8, 16, 32"),
    ({"multi_grid": (1, 2)}, "multi_grid=1,2: must be three factors"),
    ({"multi_grid": (1, 0, 2)}, "multi_grid=1,0,2: must be three factors of at least 1"),
    ({"classes": 1}, "classes=1: must be at least 2"),
    ({"channels": 0}, "channels=0: must be at least 1"),
    ({"batch_norm_decay": 1.5}, "batch_norm_decay=1.5: must be in [0, 1]"),
    ({"dropout_rate": 0.995}, "dropout_rate=0.995: must be in [0, 0.99]"),
    ({"weight_decay": -1e-4}, "weight_decay=-0.0001: must be at least 0"),
  ],
)
def test_unknown_settings_are_refused_with_the_allowed_ones(settings, message):
  with pytest.raises(ValueError, match="^" + re.escape(message)):
    DeepLabConfig(**settings)


def test_settings_may_lie_on_their_bounds():
  DeepLabConfig(classes=2, channels=1, batch_norm_decay=1, dropout_rate=0.99, weight_decay=0)
  DeepLabConfig(batch_norm_decay=0, dropout_rate=0)
