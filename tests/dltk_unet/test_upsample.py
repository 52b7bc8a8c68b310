"""Fixed linear upsampling: what it does to ramps, impulses, constants, and DLTK's own formulation."""

import numpy as np
import pytest
import tensorflow as tf

from dltk_unet.upsample import LinearUpsample, interpolation_weights

FACTORS = [(1, 1, 1), (2, 2, 2), (4, 4, 4), (1, 2, 4), (2, 1, 1)]


def random_volume(*shape, seed=0):
  return tf.random.stateless_uniform(shape, seed=(seed, 0), minval=-1)


def transposed_convolution(volume, factors):
  """DLTK's: a dense kernel, diagonal over the channels; SAME."""
  sides = [2 * factor if factor > 1 else 1 for factor in factors]
  lines = [
    [1 - abs(tap - (factor - 0.5)) / factor for tap in range(side)] if factor > 1 else [1.0]
    for factor, side in zip(factors, sides)
  ]
  channels = volume.shape[-1]
  kernel = np.einsum("z,y,x,oi->zyxoi", *lines, np.eye(channels)).astype(np.float32)
  batch, *size, channels = volume.shape
  shape = [batch, *(length * factor for length, factor in zip(size, factors)), channels]
  return tf.nn.conv3d_transpose(volume, kernel, shape, [1, *factors, 1], "SAME")


@pytest.mark.parametrize(
  "factor, line",
  [(2, [1 / 4, 3 / 4, 3 / 4, 1 / 4]), (4, [1 / 8, 3 / 8, 5 / 8, 7 / 8, 7 / 8, 5 / 8, 3 / 8, 1 / 8])],
)
def test_an_inner_voxel_is_spread_over_two_widths(factor, line):
  shares = interpolation_weights(3, factor)[:, 1]
  np.testing.assert_array_equal(shares[factor // 2 : -factor // 2], line)


@pytest.mark.parametrize("factors", FACTORS)
def test_equals_the_transposed_convolution_of_dltk(factors):
  volume = random_volume(2, 5, 4, 6, 3)
  expected = transposed_convolution(volume, factors)
  np.testing.assert_allclose(LinearUpsample(factors)(volume), expected, rtol=0, atol=3e-7)


@pytest.mark.parametrize("factors", FACTORS)
def test_a_ramp_stays_a_ramp_on_the_finer_grid(factors):
  size = (8, 7, 6)

  def ramp(*positions):
    z, y, x = np.meshgrid(*positions, indexing="ij")
    return (3 + z + 10 * y - 5 * x).astype(np.float32)

  positions = [(np.arange(length * factor) + 0.5) / factor - 0.5 for length, factor in zip(size, factors)]
  finer = LinearUpsample(factors)(ramp(*map(np.arange, size))[np.newaxis, ..., np.newaxis])[0, ..., 0]
  interior = tuple(slice(factor // 2, length * factor - factor // 2) for length, factor in zip(size, factors))
  np.testing.assert_allclose(finer[interior], ramp(*positions)[interior], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("factors", FACTORS)
def test_an_impulse_keeps_its_place_and_sums_to_the_product_of_the_factors(factors):
  impulse = np.zeros([1, 5, 5, 5, 2], np.float32)
  impulse[0, 2, 2, 2, 1] = 1
  finer = LinearUpsample(factors)(impulse).numpy()
  assert finer[..., 1].sum() == np.prod(factors) and not finer[..., 0].any()
  for axis, factor in enumerate(factors, start=1):
    line = finer[..., 1].sum(axis=tuple(other for other in range(4) if other != axis))
    np.testing.assert_array_equal(line, line[::-1])  # the middle voxel stays in the middle
    assert np.count_nonzero(line) == (2 * factor if factor > 1 else 1)


@pytest.mark.parametrize("factor", [2, 4])
def test_inside_it_is_the_half_pixel_resizing_of_tensorflow(factor):
  plane = random_volume(2, 9, 7, 3)
  resized = tf.image.resize(plane, [9 * factor, 7 * factor])
  finer = LinearUpsample((1, factor, factor))(plane[:, tf.newaxis])[:, 0]
  interior = slice(factor // 2, -factor // 2)
  np.testing.assert_allclose(finer[:, interior, interior], resized[:, interior, interior], atol=1e-6)


def test_zeros_lie_outside():
  finer = LinearUpsample((2, 2, 2))(tf.ones([1, 4, 4, 4, 1]))[0, ..., 0].numpy()
  assert (finer[0, 0, 0], finer[0, 0, 3], finer[0, 3, 3], finer[3, 3, 3]) == (27 / 64, 9 / 16, 3 / 4, 1)


def test_the_gradient_is_the_adjoint():
  layer = LinearUpsample((1, 2, 4))
  coarse, fine = random_volume(2, 3, 4, 5, 2), random_volume(2, 3, 8, 20, 2, seed=1)
  with tf.GradientTape() as tape:
    tape.watch(coarse)
    product = tf.reduce_sum(layer(coarse) * fine)
  np.testing.assert_allclose(product, tf.reduce_sum(tape.gradient(product, coarse) * coarse), rtol=1e-5)


def test_unknown_sizes_give_the_same_values_and_known_ones_known_shapes():
  layer, volume = LinearUpsample((1, 2, 4)), random_volume(2, 3, 4, 5, 2)
  dynamic = tf.function(layer.call, input_signature=[tf.TensorSpec([None, None, None, None, 2])])
  np.testing.assert_array_equal(dynamic(volume), layer(volume))
  static = tf.function(layer.call, input_signature=[tf.TensorSpec([None, 3, 4, 5, 2])])
  assert static.get_concrete_function().output_shapes.as_list() == [None, 3, 8, 20, 2]
  assert layer.compute_output_shape([None, None, 4, 5, 2]).as_list() == [None, None, 8, 20, 2]


def test_config_rebuilds_the_layer():
  layer = LinearUpsample((1, 2, 4))
  assert LinearUpsample.from_config(layer.get_config()).factors == (1, 2, 4)
  assert not layer.weights


@pytest.mark.parametrize("factors", [(3, 1, 1), (2, 2, 5), (0, 2, 2), (-2, 2, 2), (2, 2)])
def test_other_factors_are_refused(factors):
  with pytest.raises(ValueError, match="each 1 or even"):
    LinearUpsample(factors)
