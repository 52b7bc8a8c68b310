"""The stitcher on functions of a window whose blended result is known."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.segmentation.sliding_window import window_starts
from deeplab_panns.segmentation.stitching import Planes, WindowStitcher, window_weights

PATCH = (4, 6, 5)
# smaller than the patch, equal, larger by one, prime, and all of that
SIZES = [(3, 4, 2), (4, 6, 5), (5, 7, 6), (11, 13, 7), (9, 3, 17)]
# values that depend on where in the window a voxel is, so that the weights of the windows matter
FACTORS, TERMS = np.random.default_rng(0).normal(size=(2, *PATCH, 2)).astype(np.float32)


def position_dependent(window):
  return window[..., None] * FACTORS + TERMS


def channels_of(window):
  """All channels that the tests look at, so that one graph serves them.

  They are the window, the window moved by one voxel along each axis, and `position_dependent`.
  """
  return tf.concat(
    [tf.stack([window, *(tf.roll(window, 1, axis) for axis in range(3))], -1), position_dependent(window)], -1
  )


@functools.cache
def stitcher_of(overlap):
  """A function of an image [z, y, x]: its stitched channels; planes are released as they are finished."""

  @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.float32)])
  def stitched(image):
    sizes = tf.unstack(tf.shape(image), 3)
    stitcher = WindowStitcher(channels_of, PATCH, overlap, sizes, 6)
    image = tf.pad(image, [[0, tf.maximum(0, PATCH[0] - sizes[0])], [0, 0], [0, 0]])
    sums, slabs = stitcher.no_sums(), tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False)
    for row in tf.range(stitcher.row_count):
      start, end = stitcher.row_start(row), stitcher.row_end(row)
      part, rests = stitcher.padded(image[start : start + PATCH[0]]), stitcher.no_rests()
      slab = stitcher.nothing_finished(Planes(start, end, end))
      for step in tf.range(stitcher.step_count):
        tf.autograph.experimental.set_loop_options(
          shape_invariants=[(slab, tf.TensorShape([None, None, None, 6]))]
        )
        finished, sums, rests = stitcher.add_step(part, (row, step), Planes(start, end, end), sums, rests)
        slab = tf.concat([slab, finished], 1)
      slabs = slabs.write(row, slab)
    return slabs.concat()[: sizes[0]]

  return lambda image: stitched(image).numpy()


def ramp(shape):
  """No two voxels alike, in [0, 1]."""
  return np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / np.prod(shape)


def weighted_overlap_add(image, overlap):
  """`position_dependent` by the definition: the sum of weighted windows divided by the sum of weights.

  Computed on the whole image, in float64.
  """
  padded = np.pad(image, [(0, max(0, patch - size)) for patch, size in zip(PATCH, image.shape)])
  axes = [np.exp(-0.5 * ((np.arange(patch) - (patch - 1) / 2) / (patch / 8)) ** 2) for patch in PATCH]
  weight = axes[0][:, None, None] * axes[1][:, None] * axes[2]
  total, weights = np.zeros([*padded.shape, 2]), np.zeros(padded.shape)
  for z in window_starts(image.shape[0], PATCH[0], overlap):
    for y in window_starts(image.shape[1], PATCH[1], overlap):
      for x in window_starts(image.shape[2], PATCH[2], overlap):
        window = (slice(z, z + PATCH[0]), slice(y, y + PATCH[1]), slice(x, x + PATCH[2]))
        total[window] += weight[..., None] * position_dependent(padded[window].astype(float))
        weights[window] += weight
  return (total / weights[..., None])[tuple(map(slice, image.shape))]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_an_identity_gives_back_a_ramp(size):
  image = ramp(size)
  np.testing.assert_allclose(stitcher_of(0.5)(image)[..., 0], image, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_windows_moved_by_one_voxel_change_the_ramp(axis):
  """The test of the ramp can fail: it notices windows that are off by one voxel along any axis."""
  image = ramp((11, 13, 7))
  assert np.abs(stitcher_of(0.5)(image)[..., 1 + axis] - image).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [0, 0.5, 0.7])
@pytest.mark.parametrize("size", SIZES)
def test_windows_are_averaged_by_their_weights(overlap, size):
  image = ramp(size)
  np.testing.assert_allclose(
    stitcher_of(overlap)(image)[..., 4:], weighted_overlap_add(image, overlap), atol=1e-5
  )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_image_moved_by_a_window_step_gives_a_moved_result(axis):
  """Beyond the first window, the windows lie on the same voxels in both images, the last ones too."""
  image = np.random.default_rng(1).random((18, 21, 17)).astype(np.float32)
  step = window_starts(image.shape[axis], PATCH[axis], 0.5)[1]
  whole, moved = (
    np.moveaxis(stitcher_of(0.5)(part), axis, 0)
    for part in (image, np.take(image, range(step, image.shape[axis]), axis))
  )
  np.testing.assert_allclose(moved[PATCH[axis] - step :], whole[PATCH[axis] :], atol=1e-5)


def test_weights_are_a_gaussian_that_is_nowhere_0():
  weights = window_weights(64)
  assert weights.dtype == np.float32 and weights[32] / weights[40] == pytest.approx(
    np.exp(-0.5 * (0.5**2 - 8.5**2) / 8**2)
  )
  for patch in (1, 2, 3, 7, 64, 301):
    weights = window_weights(patch)
    assert weights.argmax() in (patch // 2, (patch - 1) // 2) and weights.min() > np.exp(-8)
    np.testing.assert_array_equal(weights, weights[::-1])
