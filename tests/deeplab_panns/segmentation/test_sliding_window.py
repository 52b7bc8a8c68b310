"""3-D networks on whole volumes: networks that show where every voxel lands, against dense computations."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.exports.saved_model import write_saved_model
from deeplab_panns.segmentation.slabs import SLAB
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows, window_starts

PATCH = (8, 6, 10)
TARGET_MM = (2.0, 1.5, 0.9)


def shares_of(image):
  """Probabilities of three classes that say what a voxel's value is, in [0, 255]."""
  value = image / 255
  return [0.5 * value, 1 - value, 0.5 * value]


def value_network(images, training=False):
  """A network without weights: the probabilities are `shares_of` the voxel."""
  return tf.math.log(tf.stack(shares_of(images[..., 0]), -1))


# one for most tests: each new one is traced for seconds
OURS = VolumeSegmenter(value_network, Windows(PATCH, TARGET_MM), 3)


class Stream:
  """The float32 probabilities of an image of the store, put together from their blocks: [z, y, x, K + 1]."""

  def __init__(self, ours):
    self._ours = ours
    self._run = ours.streaming(self._sink, tf.uint8)

  def __call__(self, image, spacing_mm):
    depth, *sides = np.moveaxis(image, self._ours.axis, 0).shape
    self._result = np.full([-(-depth // SLAB) * SLAB, *sides, self._ours.class_count], np.nan, np.float32)
    self._run(image, tf.constant(spacing_mm))
    return np.moveaxis(self._result[:depth], 0, self._ours.axis)

  def _sink(self, number, row, block):
    assert row % SLAB == 0
    target = self._result[number * SLAB : (number + 1) * SLAB, row : row + block.shape[1]]
    assert np.isnan(target).all()  # nothing comes twice
    target[:] = block


stream_of = functools.cache(Stream)  # one graph a segmenter


def streamed(ours, image, spacing_mm=TARGET_MM):
  return stream_of(ours)(image, spacing_mm)


def noise(size, seed=0):
  return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def resampling_matrix(size_out, size_in, ratio):
  """[out, in]: a triangle as wide as the coarser grid's voxel around the centre of each output voxel.

  Both grids have one centre.
  """
  centres = (np.arange(size_out) - (size_out - 1) / 2) * ratio + (size_in - 1) / 2
  triangle = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(size_in)) / max(ratio, 1))
  return triangle / triangle.sum(1, keepdims=True)


def densely(image, spacing_mm, target_mm):
  """`shares_of` the volume on the network's grid, resampled there and back on whole arrays in float64."""
  sizes = [
    max(1, round(size * ours / theirs)) for size, ours, theirs in zip(image.shape, spacing_mm, target_mm)
  ]
  there = [
    resampling_matrix(new, old, b / a) for new, old, a, b in zip(sizes, image.shape, spacing_mm, target_mm)
  ]
  back = [
    resampling_matrix(old, new, a / b) for new, old, a, b in zip(sizes, image.shape, spacing_mm, target_mm)
  ]
  seen = np.rint(np.einsum("az,by,cx,zyx->abc", *there, image.astype(float)))
  return np.einsum("za,yb,xc,abck->zyxk", *back, np.stack(shares_of(seen), -1), optimize=True)


def test_starts_of_150_voxels():
  assert window_starts(150, 64, 0.5) == [0, 32, 64, 86]
  assert window_starts(64, 64, 0.5) == [0] and window_starts(10, 64, 0.5) == [0]
  assert window_starts(65, 64, 0.5) == [0, 1]


@pytest.mark.parametrize("patch, overlap", [(1, 0.5), (5, 0), (8, 0.5), (9, 0.75)])
def test_windows_cover_every_voxel_and_end_with_the_volume(patch, overlap):
  for size in range(1, 40):
    starts = window_starts(size, patch, overlap)
    assert starts[0] == 0 and starts[-1] == max(0, size - patch) and starts == sorted(set(starts))
    assert {start + at for start in starts for at in range(patch)} >= set(range(size))


@pytest.mark.parametrize("size", [(5, 3, 7), (8, 6, 10), (9, 7, 11), (19, 17, 23), (1, 1, 1), (40, 2, 31)])
def test_every_voxel_keeps_its_value(size):
  image = noise(size)
  np.testing.assert_allclose(streamed(OURS, image), np.stack(shares_of(image.astype(float)), -1), atol=1e-5)


@pytest.mark.slow
def test_labels_are_the_largest_probabilities():
  image = noise((19, 17, 23), seed=1)
  image[image == 170] = 0  # a tie of three
  hu, spacing = image.astype(np.float32) * 400 / 255 - 125, tf.constant(TARGET_MM)
  labels = OURS.stored_labels(image, spacing).numpy()
  assert labels.dtype == np.uint8
  np.testing.assert_array_equal(labels, streamed(OURS, image).argmax(-1))
  np.testing.assert_array_equal(labels, OURS.labels(hu, spacing)["labels"])
  probabilities = OURS.probabilities(hu, spacing)["probabilities"]
  assert probabilities.dtype == tf.float16
  np.testing.assert_allclose(probabilities, streamed(OURS, image), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
  "spacing_mm, size",
  [
    ((1.0, 0.8, 0.7), (41, 37, 50)),  # a coarser network's grid: one plane is made of several
    ((11.0, 2.3, 1.1), (11, 19, 23)),  # a finer one: a slab takes 44 of its planes
    ((4.0, 0.3, 0.9), (9, 31, 12)),  # finer, coarser, the same
    ((0.1, 0.1, 0.1), (9, 8, 7)),  # one voxel
  ],
)
def test_the_network_sees_its_own_grid_and_the_labels_lie_on_the_volumes(spacing_mm, size):
  image = noise(size, seed=2)
  off = np.abs(streamed(OURS, image, spacing_mm) - densely(image, spacing_mm, TARGET_MM))
  # Halfway between two grey levels, either may be rounded to. Without rounding, most voxels would be off.
  assert off.max() < 1 / 255 and np.mean(off > 1e-5) < 0.1


@pytest.mark.slow
def test_every_window_is_seen_once_and_a_small_volume_padded_with_the_hu_windows_floor():
  """A network that gives its window's mean: 3 x 4 x 5 voxels of 8 x 6 x 10 are 200, the rest 0."""
  windows = []

  def mean_network(images, training=False):
    seen = tf.numpy_function(lambda image: (windows.append(image.shape), image)[1], [images], tf.float32)
    return value_network(tf.ensure_shape(seen, images.shape) * 0 + tf.reduce_mean(images))

  ours = VolumeSegmenter(mean_network, Windows(PATCH, (None, None, None)), 3)
  probabilities = streamed(ours, np.full((3, 4, 5), 200, np.uint8))
  mean = 200 * (3 * 4 * 5) / (8 * 6 * 10)
  np.testing.assert_allclose(probabilities, np.broadcast_to(shares_of(mean), (3, 4, 5, 3)), atol=1e-6)
  assert windows == [(1, *PATCH, 1)]
  streamed(ours, noise((19, 17, 23)))
  assert len(windows) == 1 + math.prod(
    len(window_starts(size, patch, 0.5)) for size, patch in zip((19, 17, 23), PATCH)
  )


def test_windows_that_cannot_be():
  for settings, says in (
    ({"patch_size": (8, 8)}, r"^patch_size=\(8, 8\): must be three sizes"),
    ({"patch_size": (8, 8, 0)}, r"^patch_size=\(8, 8, 0\): "),
    ({"overlap": 1.0}, "^overlap=1.0: must be at least 0 and below 1"),
    ({"overlap": -0.1}, "^overlap=-0.1: "),
    ({"spacing_mm": (1.0, 0.0, None)}, r"^spacing_mm=\(1.0, 0.0, None\): "),
  ):
    with pytest.raises(ValueError, match=says):
      Windows(**{"patch_size": PATCH, "spacing_mm": TARGET_MM, **settings})


@pytest.mark.slow
def test_the_saved_model_gives_the_same_labels(tmp_path):
  image = tf.keras.Input([None, None, None, 1])
  hidden = tf.keras.layers.Conv3D(4, 3, padding="same", activation="relu")(image)
  ours = OURS.with_network(tf.keras.Model(image, tf.keras.layers.Conv3D(3, 3, padding="same")(hidden)))
  write_saved_model(ours, ["liver", "spleen"], tmp_path / "model")
  loaded = tf.saved_model.load(str(tmp_path / "model"))
  for size, spacing_mm in (((21, 17, 30), [1.0, 1.0, 1.0]), ((4, 30, 9), [5.0, 0.7, 0.7])):
    volume, spacing = tf.random.normal(size, 0, 150), tf.constant(spacing_mm)
    labels = loaded.signatures["serving_default"](volume=volume, spacing_mm=spacing)["labels"]
    np.testing.assert_array_equal(labels, ours.labels(volume, spacing)["labels"])
    probabilities = loaded.signatures["probabilities"](volume=volume, spacing_mm=spacing)["probabilities"]
    np.testing.assert_array_equal(probabilities, ours.probabilities(volume, spacing)["probabilities"])


class Counting(tf.Module):
  """`value_network` that also looks at its neighbours, and counts its windows."""

  def __init__(self):
    super().__init__()
    self.windows = tf.Variable(0)

  def __call__(self, images, training=False):
    self.windows.assign_add(1)
    return value_network(tf.nn.avg_pool3d(images, 3, 1, "SAME"))


@pytest.mark.slow
def test_cropped_to_the_body_its_voxels_keep_their_bits_of_fewer_windows():
  spacing_mm = (3.0, 1.1, 1.1)
  body = slice(8, 17), slice(9, 28), slice(22, 46)
  image = np.zeros((25, 40, 70), np.uint8)
  image[body] = noise((9, 19, 24))
  networks = Counting(), Counting()
  whole, cropped = (
    Stream(VolumeSegmenter(network, Windows(PATCH, TARGET_MM, crop_to_body=crop), 3))(image, spacing_mm)
    for network, crop in zip(networks, (False, True))
  )
  np.testing.assert_array_equal(cropped[body], whole[body])
  np.testing.assert_allclose(cropped.sum(-1), 1, atol=1e-5)
  np.testing.assert_array_equal(cropped[0, 0, 0], [1, 0, 0])  # background
  assert networks[1].windows.numpy() < 0.5 * networks[0].windows.numpy()


@pytest.mark.slow
def test_at_a_scale_the_network_sees_its_spacing_divided_by_it():
  scale = 0.75
  image, scaled_mm = noise((19, 17, 23)), tuple(value / scale for value in TARGET_MM)
  ours = Stream(VolumeSegmenter(value_network, Windows(PATCH, TARGET_MM, scale=scale), 3))
  np.testing.assert_allclose(ours(image, TARGET_MM), densely(image, TARGET_MM, scaled_mm), atol=1 / 255)
