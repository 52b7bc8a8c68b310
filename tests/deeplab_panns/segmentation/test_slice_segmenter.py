"""2-D networks on whole volumes: networks that return their input show where every voxel lands."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.segmentation.slabs import SLAB
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter

CLASSES = 9


class Bands(tf.Module):
  """A network whose class is the image's value in `channel`, in bands of 256 / CLASSES."""

  def __init__(self):
    super().__init__()
    self.channel = tf.Variable(1)

  def __call__(self, images, training=False):
    centres = (tf.range(CLASSES, dtype=tf.float32) + 0.5) * 256 / CLASSES
    return -tf.square(tf.gather(images, [self.channel], axis=-1) - centres) / 20


@functools.cache  # each new one is traced
def one_segmenter(view, spacing_mm):
  return SliceSegmenter(Bands(), InputGrid(view, 3, spacing_mm), CLASSES)


def segmenter(view="axial", spacing_mm=(None, None, None), channel=1):
  chosen = one_segmenter(view, spacing_mm)
  chosen.network.channel.assign(channel)
  return chosen


def labels_of(segmenter, image, spacing_mm):
  return segmenter.labels(to_hu(image), tf.constant(spacing_mm))["labels"].numpy()


def to_hu(image):
  return image.astype(np.float32) * 400 / 255 - 125


def expected(image):
  return np.minimum(np.asarray(image, int) * CLASSES // 256, CLASSES - 1)


IMAGE = np.random.default_rng(0).integers(0, 256, (SLAB * 2 + 3, 11, 14)).astype(np.uint8)
CENTRED = ((IMAGE // 29) * 29 + 14).astype(np.uint8)  # away from the bands' borders


@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
def test_every_voxel_gets_its_own_class(view):
  labels = labels_of(segmenter(view), CENTRED, [5.0, 0.8, 0.8])
  assert labels.dtype == np.uint8
  np.testing.assert_array_equal(labels, expected(CENTRED))


@pytest.mark.parametrize("depth", [1, 2, SLAB - 1, SLAB, SLAB + 1])
def test_any_number_of_slices(depth):
  labels = labels_of(segmenter(), CENTRED[:depth], [1.0, 1.0, 1.0])
  np.testing.assert_array_equal(labels, expected(CENTRED[:depth]))


@pytest.mark.parametrize("view, axis", [("axial", 0), ("coronal", 1), ("sagittal", 2)])
@pytest.mark.parametrize("channel, offset", [(0, -1), (2, 1)])
def test_channels_are_the_neighbours(view, axis, channel, offset):
  labels = labels_of(segmenter(view, channel=channel), CENTRED, [1.0, 1.0, 1.0])
  index = np.clip(np.arange(CENTRED.shape[axis]) + offset, 0, CENTRED.shape[axis] - 1)
  np.testing.assert_array_equal(labels, expected(np.take(CENTRED, index, axis)))


def test_neighbours_lie_at_the_training_distance():
  """Trained at 4 mm, applied at 2 mm: the neighbour is two slices away."""
  ramp = np.broadcast_to((np.arange(40) * 6)[:, None, None], (40, 5, 5)).astype(np.uint8)
  labels = labels_of(segmenter(spacing_mm=(4.0, None, None), channel=2), ramp, [2.0, 1.0, 1.0])
  shifted = np.clip((np.arange(40) + 2) * 6, 0, 39 * 6)
  inside = (shifted[:36] % (256 / CLASSES) > 2) & (shifted[:36] % (256 / CLASSES) < 256 / CLASSES - 2)
  np.testing.assert_array_equal(labels[:36, 2, 2][inside], expected(shifted[:36])[inside])


@pytest.mark.parametrize("training_mm", [1.0, 3.0])
def test_resampling_there_and_back_keeps_smooth_structures_in_place(training_mm):
  """A blob off the centre comes back at its position, whatever the spacing of training.

  A grid that is half a voxel off would move it by 0.5.
  """
  _, y, x = np.meshgrid(*map(np.arange, (9, 48, 60)), indexing="ij")
  blob = np.hypot(y - 15, x - 40) < 9
  image = np.where(blob, 214, 14).astype(np.uint8)
  labels = labels_of(segmenter(spacing_mm=(None, training_mm, training_mm)), image, [5.0, 1.5, 1.5])
  found = labels >= expected(114)  # half way between blob and background
  for axis in (1, 2):
    assert np.nonzero(found)[axis].mean() == pytest.approx(np.nonzero(blob)[axis].mean(), abs=0.15)
  dice = 2 * (found & blob).sum() / (found.sum() + blob.sum())
  assert dice > (0.95 if training_mm == 1.0 else 0.85)


def test_stored_images_give_what_the_raw_volume_gives():
  ours = segmenter(spacing_mm=(5.0, 2.0, 2.0))
  raw = labels_of(ours, CENTRED, [5.0, 2.0, 2.0])
  np.testing.assert_array_equal(ours.stored_labels(CENTRED, tf.constant([5.0, 2.0, 2.0])).numpy(), raw)


@pytest.mark.slow
def test_probabilities_agree_with_the_labels():
  ours, spacing = segmenter(spacing_mm=(None, 1.0, 1.0)), tf.constant([5.0, 1.3, 1.3])
  probabilities = ours.probabilities(to_hu(IMAGE), spacing)["probabilities"].numpy().astype(np.float32)
  np.testing.assert_allclose(probabilities.sum(-1), 1, atol=5e-3)
  labels = ours.labels(to_hu(IMAGE), spacing)["labels"].numpy()
  assert np.mean(probabilities.argmax(-1) == labels) > 0.99  # float16 may tie


@pytest.mark.parametrize(
  "settings, says",
  [
    ({"view": "oblique"}, "^view=oblique: must be one of axial, coronal, sagittal"),
    ({"slices_per_input": 2}, "^slices_per_input=2: must be odd"),
    ({"slices_per_input": -1}, "^slices_per_input=-1: must be odd and at least 1"),
    ({"spacing_mm": (1.0, 1.0)}, r"^spacing_mm=\(1.0, 1.0\): must be three entries"),
  ],
)
def test_grids_that_cannot_be(settings, says):
  assert InputGrid() == InputGrid("axial", 3, (None, None, None))
  with pytest.raises(ValueError, match=says):
    InputGrid(**settings)


def lying(shape, body):
  """A patient of noise in air, as an image of the store: nothing outside of `body`, slices (z, y, x)."""
  image = np.zeros(shape, np.uint8)
  image[body] = np.random.default_rng(2).integers(60, 256, shape).astype(np.uint8)[body]
  return image


class Blur(tf.Module):
  """Looks 2 pixels around, and counts the pixels it is given. Of air alone it makes class 0."""

  def __init__(self):
    super().__init__()
    self.pixels = tf.Variable(0)

  def __call__(self, images, training=False):
    self.pixels.assign_add(tf.size(images))
    blurred = tf.nn.avg_pool2d(images, 5, 1, "SAME")[..., 1]
    return -tf.square(blurred[..., None] - tf.range(0, 256, 32, tf.float32)) / 20


LYING = lying((41, 150, 170), (slice(11, 30), slice(60, 90), slice(70, 100)))


@pytest.mark.slow
def test_cropped_to_the_body_a_local_network_gives_the_same_labels_of_fewer_pixels():
  network = Blur()
  ours = SliceSegmenter(network, InputGrid(crop_to_body=True), 8)
  labels = ours.stored_labels(LYING, [1.5, 0.9, 0.9]).numpy()
  assert np.unique(labels).size > 3
  whole = np.repeat(LYING[..., None], 3, -1).astype(np.float32)
  np.testing.assert_array_equal(labels, Blur()(whole).numpy().argmax(-1))
  assert network.pixels.numpy() < 0.6 * whole.size


@pytest.mark.slow
def test_cropped_to_the_body_of_another_view_and_grid():
  segmenters = [
    SliceSegmenter(Blur(), InputGrid("coronal", 3, (1.5, 1.0, 1.3), crop), 8) for crop in (False, True)
  ]
  np.testing.assert_array_equal(*[one.stored_labels(LYING, [1.5, 0.9, 0.9]) for one in segmenters])
  assert segmenters[1].network.pixels.numpy() < 0.6 * segmenters[0].network.pixels.numpy()
