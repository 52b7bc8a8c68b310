"""The 3-D U-Net as a whole: counts, sizes, variants, receptive field, saving."""

import dataclasses
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dltk_unet.residual_unit import PadChannels
from dltk_unet.unet import UNetConfig, multiply_accumulates, unet_3d

TINY = UNetConfig(classes=4, filters=(4, 6, 8), strides=((1, 1, 1), (1, 2, 2), (2, 2, 2)), units=2)
TWO_SCALES = UNetConfig(classes=3, filters=(4, 6), strides=((1, 1, 1), (2, 2, 2)))
BTCV = UNetConfig(
  classes=14,
  filters=(16, 64, 128, 256, 512),
  units=3,
  strides=((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2), (1, 1, 1)),
)

# Prints the largest difference between the gradients of the same step computed twice.
DETERMINISTIC = """
import tensorflow as tf
from dltk_unet.unet import UNetConfig, unet_3d
tf.config.experimental.enable_op_determinism()
tf.keras.utils.set_random_seed(0)
network = unet_3d(UNetConfig(classes=4, filters=(4, 8), strides=((1, 1, 1), (2, 2, 2))))
volume = tf.random.stateless_uniform([4, 16, 16, 16, 1], seed=(0, 0), maxval=255)

@tf.function
def gradients():
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(network(volume, training=True) ** 2)
  return tape.gradient(loss, network.trainable_variables)

print(max(float(tf.reduce_max(tf.abs(one - other))) for one, other in zip(gradients(), gradients())))
"""


def counts(model):
  def number(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)

  return number(model.trainable_weights), number(model.non_trainable_weights)


def random_volume(*shape, seed=0):
  return tf.random.stateless_uniform(shape, seed=(seed, 0), maxval=255)


@pytest.fixture(scope="module")
def tiny():
  """The tiny network with batch-norm statistics that are not the initial ones."""
  network = unet_3d(TINY)
  for layer in network.layers:
    if hasattr(layer, "moving_variance"):
      layer.moving_mean.assign(tf.random.stateless_normal(layer.moving_mean.shape, (1, 0), stddev=0.3))
      layer.moving_variance.assign(tf.random.stateless_uniform(layer.moving_variance.shape, (2, 0), 0.5, 2))
  return network


@pytest.fixture(scope="module")
def thin():
  """The default network's scales, with few filters."""
  return unet_3d(UNetConfig(classes=3, filters=(2, 3, 4, 5)))


@pytest.mark.slow
@pytest.mark.parametrize(
  "settings, expected",
  [
    ({}, (2_287_024, 1_568)),
    ({"variant": "asymmetric"}, (2_287_024, 1_568)),
    ({"units": 2}, (3_739_888, 2_912)),
    ({"units": 2, "variant": "asymmetric"}, (3_449_136, 2_464)),
    ({"classes": 15, "channels": 2}, (2_287_024 + 16 + 432, 1_568)),
    ({"classes": 9, "channels": 3, "units": 2, "strides": ((1, 1, 1), *[(1, 2, 2)] * 3)}, (3_568_640, 2_912)),
  ],
)
def test_network_has_the_published_numbers_of_weights(settings, expected):
  assert counts(unet_3d(UNetConfig(**{"classes": 14, **settings}))) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
  "config, symmetric, asymmetric",
  [
    (UNetConfig(classes=14, units=3), (5_192_752, 4_256), (4_611_248, 3_360)),
    (BTCV, (78_896_624, 18_016), (69_575_536, 14_304)),
  ],
)
def test_large_networks_have_the_published_numbers_of_weights(config, symmetric, asymmetric):
  assert counts(unet_3d(config)) == symmetric
  assert counts(unet_3d(dataclasses.replace(config, variant="asymmetric"))) == asymmetric


@pytest.mark.parametrize("size", [(16, 24, 40), (8, 8, 8)])
def test_logits_have_the_volumes_size(thin, size):
  logits = thin(random_volume(2, *size, 1))
  assert logits.shape == [2, *size, 3] and logits.dtype == tf.float32


def test_size_multiples_are_the_products_of_the_strides():
  assert UNetConfig(classes=14).size_multiples == (8, 8, 8)
  assert TINY.size_multiples == (2, 4, 4)
  assert BTCV.size_multiples == (8, 8, 8)


@pytest.mark.parametrize(
  "size, found, allowed",
  [
    ((4, 10, 8), "y = 10", "multiple of 4, .* 8 or 12"),
    ((7, 8, 8), "z = 7", "multiple of 2, .* 6 or 8"),
    ((2, 4, 3), "x = 3", "multiple of 4, .* to 4"),
  ],
)
def test_other_sizes_are_refused_with_the_nearest_that_fit(tiny, size, found, allowed):
  with pytest.raises(ValueError, match=f"{found}; .*{allowed}"):
    tiny(random_volume(1, *size, 1))


@pytest.mark.slow
def test_unknown_sizes_give_the_same_logits_and_are_checked_too(tiny):
  dynamic = tf.function(lambda volume: tiny(volume), [tf.TensorSpec([None, None, None, None, 1])])
  volume = random_volume(2, 4, 8, 12, 1)
  np.testing.assert_allclose(dynamic(volume), tiny(volume), atol=1e-5)
  with pytest.raises(tf.errors.InvalidArgumentError, match="multiple of 4, the product"):
    dynamic(random_volume(2, 4, 8, 10, 1))


def test_a_known_patch_gives_known_shapes(tiny):
  step = tf.function(lambda volume: tiny(volume), [tf.TensorSpec([2, 4, 8, 12, 1])])
  assert step.get_concrete_function().output_shapes == [2, 4, 8, 12, 4]
  assert unet_3d(TWO_SCALES, (4, 8, 12)).output_shape == (None, 4, 8, 12, 3)


def test_intensities_are_scaled_to_minus_one_and_one(tiny):
  np.testing.assert_allclose(tiny.get_layer("scale")(tf.constant([0.0, 127.5, 255.0])), [-1, 0, 1])


def test_skips_come_before_the_upsampled_features(tiny):
  concat = tiny.get_layer("decoder0_concat")
  assert [tensor.shape[-1] for tensor in concat.input] == [4, 6]
  assert concat.input[0] is tiny.get_layer("initial").output
  assert tiny.get_layer("decoder1_concat").input[0] is tiny.get_layer("encoder1_unit2_add").output


@pytest.mark.slow
def test_one_unit_symmetric_is_asymmetric_but_for_the_relu6_of_dltk():
  asymmetric = unet_3d(dataclasses.replace(TWO_SCALES, variant="asymmetric"))
  symmetric, dltk = unet_3d(TWO_SCALES), unet_3d(dataclasses.replace(TWO_SCALES, decoder_activation="relu6"))
  for network in (symmetric, dltk):
    network.set_weights(asymmetric.get_weights())
  volume = random_volume(2, 4, 8, 8, 1)
  np.testing.assert_array_equal(symmetric(volume), asymmetric(volume))
  assert np.abs(dltk(volume) - asymmetric(volume)).max() > 1e-3
  different = {
    one.name for one, other in zip(dltk.layers, asymmetric.layers) if one.get_config() != other.get_config()
  }
  assert different == {"decoder0_unit1_act1", "decoder0_unit1_act2"}


@pytest.mark.parametrize("axis", [1, 3])
def test_a_voxel_of_the_default_network_sees_92(thin, axis):
  shape = [1, 8, 8, 8, 1]
  shape[axis] = 128
  volume = random_volume(*shape)
  middle = [slice(None)] * 5
  middle[axis] = 64
  with tf.GradientTape() as tape:
    tape.watch(volume)
    loss = tf.reduce_sum(thin(volume)[tuple(middle)])
  others = [other for other in range(5) if other != axis]
  seen = np.flatnonzero(np.abs(tape.gradient(loss, volume)).max(axis=tuple(others)))
  assert len(seen) == seen[-1] - seen[0] + 1 == 92


def test_every_weight_gets_a_gradient(tiny):
  state, volume = tiny.get_weights(), random_volume(2, 4, 8, 8, 1)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tiny(volume, training=True) ** 2)
  gradients = tape.gradient(loss, tiny.trainable_variables)
  tiny.set_weights(state)
  for weight, gradient in zip(tiny.trainable_variables, gradients):
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, weight.name


def test_no_weight_decays(tiny):
  assert not tiny.losses


def test_multiply_accumulates_by_hand():
  config = UNetConfig(classes=2, filters=(2, 3), strides=((1, 1, 1), (2, 2, 2)))
  initial, head = 64 * 27 * 2, 64 * 2 * 2
  encoder = 8 * (64 * 2 * 3 + 27 * 3 * 3)
  decoder = 64 * 27 * (5 * 2 + 2 * 2 + 5 * 2)
  assert multiply_accumulates(config, (4, 4, 4)) == initial + encoder + decoder + head == 50_200
  assert multiply_accumulates(config, (8, 4, 4)) == 2 * 50_200


def test_mixed_precision_computes_in_half_and_answers_in_float32():
  tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
  try:
    network, volume = unet_3d(TWO_SCALES), random_volume(1, 4, 8, 8, 1)
    assert network.get_layer("encoder1_unit1_conv1").compute_dtype == "bfloat16"
    for training in (False, True):
      assert network(volume, training=training).dtype == tf.float32
  finally:
    tf.keras.mixed_precision.set_global_policy("float32")


@pytest.mark.slow
def test_config_and_weights_rebuild_the_network(tiny, tmp_path):
  tiny.save_weights(str(tmp_path / "weights.h5"))
  rebuilt = tf.keras.Model.from_config(tiny.get_config())
  rebuilt.load_weights(str(tmp_path / "weights.h5"))
  volume = random_volume(1, 4, 8, 12, 1)
  np.testing.assert_array_equal(rebuilt(volume), tiny(volume))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.keras", pytest.param("saved", marks=pytest.mark.slow)])
def test_saved_model_answers_as_the_network_does(tiny, tmp_path, name):
  tf.keras.models.save_model(tiny, str(tmp_path / name))
  loaded = tf.keras.models.load_model(str(tmp_path / name))
  volume = random_volume(2, 4, 8, 12, 1)
  np.testing.assert_allclose(loaded(volume), tiny(volume), atol=1e-6)
  assert any(isinstance(layer, PadChannels) for layer in loaded.layers)


@pytest.mark.slow
def test_xla_compiles_the_gradients():
  network = unet_3d(TWO_SCALES)
  state, volume = network.get_weights(), random_volume(2, 4, 8, 8, 1)

  def gradients():
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(network(volume, training=True) ** 2)
    return tape.gradient(loss, network.trainable_variables)

  expected = tf.function(gradients)()
  moved = network.get_weights()
  network.set_weights(state)
  compiled = tf.function(gradients, jit_compile=True)()
  for one, other in zip([*compiled, *network.get_weights()], [*expected, *moved]):
    np.testing.assert_allclose(one, other, atol=1e-4 * np.abs(other).max())


@pytest.mark.slow
def test_a_step_is_deterministic_on_request():
  result = subprocess.run([sys.executable, "-c", DETERMINISTIC], capture_output=True, text=True, check=False)
  assert result.returncode == 0, result.stderr
  assert float(result.stdout) == 0


@pytest.mark.parametrize(
  "settings, message",
  [
    ({"classes": 1}, "classes=1: must be at least 2"),
    ({"channels": 0}, "channels=0: must be at least 1"),
    ({"units": 0}, "units=0: must be at least 1"),
    ({"variant": "both"}, "variant=both: must be one of symmetric, asymmetric"),
    ({"decoder_activation": "relu"}, "decoder_activation=relu: must be one of leaky_relu, relu6"),
    ({"filters": (16,)}, "filters=(16,): must be at least two scales"),
    (
      {"filters": (16, 32)},
      f"strides={UNetConfig().strides}: must be one (z, y, x) for each scale of filters=",
    ),
    (
      {"strides": ((1, 1, 1), *[(2, 2)] * 3)},
      "strides=((1, 1, 1), (2, 2), (2, 2), (2, 2)): must be one (z, y, x) for each scale",
    ),
    (
      {"filters": (16, 32), "strides": ((2, 2, 2),) * 2},
      "strides=((2, 2, 2), (2, 2, 2)): the first must be (1, 1, 1)",
    ),
    (
      {"filters": (16, 32), "strides": ((1, 1, 1), (3, 2, 2))},
      "strides=((1, 1, 1), (3, 2, 2)): each must be 1 or even",
    ),
  ],
)
def test_unknown_settings_are_refused_with_the_allowed_ones(settings, message):
  with pytest.raises(ValueError, match="^" + re.escape(message)):
    UNetConfig(**settings)
