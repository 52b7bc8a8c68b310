"""The one transform against geometry that can be worked out by hand, and against tfa's own rotation."""

import math

import numpy as np
import pytest
import tensorflow as tf

from data.batches import augment
from data.organs import IGNORE

IMAGE = np.random.default_rng(0).integers(0, 256, (33, 41, 2)).astype(np.uint8)
LABEL = np.random.default_rng(1).integers(0, 5, (33, 41)).astype(np.uint8)
MIDDLE = (16.0, 20.0)


def cut(angle=0.0, scale=1.0, crop_size=17, centre=MIDDLE):
  transform = augment.crop_transform(angle, scale, crop_size, centre, LABEL.shape)
  return crop(IMAGE, LABEL, transform, (crop_size,) * 2)


def crop(image, label, transform, size):
  """(image [rows, columns, channels], label [rows, columns])."""
  image, label = augment.crop(np.moveaxis(image, -1, 0), label[None], transform, size)
  return np.moveaxis(image, 0, -1), label[0]


def test_no_rotation_and_scale_is_a_plain_crop():
  image, label = cut(centre=(10.0, 12.0))
  np.testing.assert_allclose(image, IMAGE[2:19, 4:21], atol=1e-3)
  np.testing.assert_array_equal(label, LABEL[2:19, 4:21])


def test_beyond_the_image_is_window_floor_and_ignore():
  image, label = cut(centre=(0.0, 0.0))
  assert (label[:8] == IGNORE).all() and (label[:, :8] == IGNORE).all() and image[:7].max() == 0
  np.testing.assert_array_equal(label[8:, 8:], LABEL[:9, :9])


def test_rotation_equals_tfa_rotate():
  tfa = pytest.importorskip("tensorflow_addons", reason="tensorflow-addons ends with TensorFlow 2.15")
  angle = math.radians(11)
  image, label = cut(angle, crop_size=17)
  turned = tfa.image.rotate(tf.constant(IMAGE, tf.float32), angle, "bilinear").numpy()
  np.testing.assert_allclose(image, turned[8:25, 12:29], atol=0.05)
  turned_label = tfa.image.rotate(
    tf.constant(LABEL[..., None]), angle, "nearest", fill_value=float(IGNORE)
  ).numpy()
  # A tie of the nearest neighbour may fall either way.
  assert np.mean(label == turned_label[8:25, 12:29, 0]) > 0.99


def test_rotation_brings_in_ignore_not_background():
  _, label = cut(math.radians(15), crop_size=41)
  assert label[0, 0] == IGNORE and label[20, 20] != IGNORE


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scale_enlarges_about_the_centre(scale):
  image, label = cut(scale=scale, crop_size=9)
  steps = np.arange(-4, 5) / scale
  rows, cols = MIDDLE[0] + steps, MIDDLE[1] + steps
  whole = [i for i, step in enumerate(steps) if step == round(step)]
  np.testing.assert_array_equal(
    label[np.ix_(whole, whole)], LABEL[np.ix_(rows[whole].astype(int), cols[whole].astype(int))]
  )
  np.testing.assert_allclose(
    image[np.ix_(whole, whole)], IMAGE[np.ix_(rows[whole].astype(int), cols[whole].astype(int))], atol=1e-3
  )


@pytest.mark.parametrize("scale", [0.75, 1.0, 2.0])
@pytest.mark.parametrize("degrees", [0, 15])
def test_the_anchor_appears_at_its_pixel(scale, degrees):
  transform = augment.turn_about(math.radians(degrees), scale, pixel=(3, 11), anchor=(20, 9))
  image, label = crop(IMAGE, LABEL, transform, (8, 13))
  assert image.shape == (8, 13, 2) and label[3, 11] == LABEL[20, 9]
  np.testing.assert_allclose(image[3, 11], IMAGE[20, 9], atol=1e-3)


@pytest.mark.parametrize("image_size", [(200, 300), (30, 300), (30, 20)])
def test_a_crop_from_the_canvas_equals_one_from_the_whole_image(image_size):
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (*image_size, 1)).astype(np.uint8)
  label = rng.integers(0, 5, image_size).astype(np.uint8)
  side = augment.canvas_size(24, (0.8,), 15, max(image_size))
  for centre in rng.uniform(0, image_size, (6, 2)):
    transform = augment.crop_transform(math.radians(12), 0.8, 24, centre, image_size)
    rows, cols, moved = augment.onto_canvas(transform, (24, 24), side, image_size)
    on_canvas = crop(image[rows, cols], label[rows, cols], moved, (24, 24))
    whole = crop(image, label, transform, (24, 24))
    np.testing.assert_allclose(on_canvas[0], whole[0], atol=0.05)
    assert np.mean(on_canvas[1] == whole[1]) > 0.99  # a tie of the nearest neighbour may fall either way


@pytest.mark.parametrize("scale", [0.75, 1.0, 2.0])
@pytest.mark.parametrize("degrees", [0, 7, 15])
def test_the_canvas_holds_all_a_crop_sees(scale, degrees):
  side = augment.canvas_size(129, (0.75, 1.0, 2.0), 15, largest=10_000)
  transform = augment.crop_transform(math.radians(degrees), scale, 129, (500.0, 500.0), (1001, 1001))
  corners = np.array([[x, y] for x in (0, 128) for y in (0, 128)])
  cols = transform[0] * corners[:, 0] + transform[1] * corners[:, 1] + transform[2]
  rows = transform[3] * corners[:, 0] + transform[4] * corners[:, 1] + transform[5]
  assert max(np.ptp(cols), np.ptp(rows)) + 2 <= side
  assert augment.canvas_size(129, (0.75,), 15, largest=96) == 96
