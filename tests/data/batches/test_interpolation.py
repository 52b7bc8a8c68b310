"""Crops, to the bit as TensorFlow's operation and tensorflow-addons give them, and by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.batches import interpolation
from data.batches.augment import turn_about
from data.batches.interpolation import cut

RNG = np.random.default_rng(3)
IMAGE = RNG.integers(0, 256, (3, 23, 31)).astype(np.uint8)
LABEL = RNG.integers(0, 14, (1, 23, 31)).astype(np.uint8)


def by_operation(planes, transform, size, kind, fill):
  """[channels, rows, columns] by ImageProjectiveTransformV3."""
  sampled = tf.raw_ops.ImageProjectiveTransformV3(
    images=np.moveaxis(planes, 0, -1)[None],
    transforms=transform[None],
    output_shape=tf.constant(size, tf.int32),
    interpolation=kind,
    fill_mode="CONSTANT",
    fill_value=fill,
  )
  return np.moveaxis(sampled.numpy()[0], -1, 0)


def require_equal(transform, size, channels_last=False):
  image, label = cut(IMAGE, LABEL, transform, size, 255, channels_last)
  theirs = by_operation(IMAGE.astype(np.float32), transform, size, "BILINEAR", 0.0)
  np.testing.assert_array_equal(image, theirs)
  np.testing.assert_array_equal(label, by_operation(LABEL, transform, size, "NEAREST", 255.0))
  assert image.dtype == np.float32 and label.dtype == np.uint8


@pytest.mark.slow
@example(angle=0.0, scale=6.0, anchor=(0.0, 0.0), size=(1, 10), channels_last=False)  # -0.49999997
@given(
  angle=st.floats(-0.8, 0.8),
  scale=st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.0, 6.0]),
  anchor=st.tuples(st.floats(-9, 32), st.floats(-9, 40)),
  size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
  channels_last=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_equal_to_the_operation_to_the_bit(angle, scale, anchor, size, channels_last):
  require_equal(turn_about(angle, scale, (size[0] / 2, size[1] / 2), anchor), size, channels_last)


@pytest.mark.parametrize("shift", [0.0, 0.5, -0.5, -0.49999997, -1.0, 0.25, 20.0, 21.5])
def test_halves_and_borders_fall_as_in_the_operation(shift):
  require_equal(np.array([1, 0, shift, 0, 1, -shift, 0, 0], np.float32), (23, 31))


def test_equal_to_tensorflow_addons_to_the_bit():
  tfa = pytest.importorskip("tensorflow_addons", reason="tensorflow-addons ends with TensorFlow 2.15")
  transform = turn_about(math.radians(13), 1.25, (9, 20), (14, 17))
  image, label = cut(IMAGE, LABEL, transform, (19, 40), 255)
  for planes, ours, how, fill in (
    (IMAGE.astype(np.float32), image, "bilinear", 0.0),
    (LABEL, label, "nearest", 255.0),
  ):
    theirs = tfa.image.transform(
      np.moveaxis(planes, 0, -1), transform, how, output_shape=(19, 40), fill_value=fill
    )
    np.testing.assert_array_equal(np.moveaxis(ours, 0, -1), theirs)


def test_a_shift_takes_from_the_right_and_fills_what_lies_beyond():
  image = np.arange(20, dtype=np.uint8).reshape(1, 4, 5)
  transform = np.array([1, 0, 2, 0, 1, 1, 0, 0], np.float32)
  shifted, label = cut(image, image, transform, (4, 5), 99)
  np.testing.assert_array_equal(shifted[0, :3, :3], np.arange(20).reshape(4, 5)[1:, 2:])
  np.testing.assert_array_equal(label[0, :3, :3], shifted[0, :3, :3])
  assert (label[0, 3] == 99).all() and (label[0, :, 3:] == 99).all()
  assert not shifted[0, 3].any() and not shifted[0, :, 3:].any()


def test_places_far_beyond_any_integer_are_beyond_the_image():
  transform = np.array([1, 0, 3e12, 0, 1, -3e12, 0, 0], np.float32)
  image, label = cut(IMAGE, LABEL, transform, (4, 5), 255)
  assert not image.any() and (label == 255).all()


def test_without_a_place_to_keep_what_was_compiled_each_process_compiles(monkeypatch):
  expected = cut(IMAGE, LABEL, turn_about(0.2, 1.5, (20, 15), (11, 16)), (12, 9), 255)

  def refuse(**options):
    if options.get("cache"):
      raise RuntimeError("cannot cache function: no locator available")
    return lambda function: function  # runs as Python

  monkeypatch.setattr(interpolation.numba, "njit", refuse)
  monkeypatch.setattr(interpolation, "_compiled", interpolation._compile(interpolation._fill))
  for ours, theirs in zip(
    cut(IMAGE, LABEL, turn_about(0.2, 1.5, (20, 15), (11, 16)), (12, 9), 255), expected
  ):
    np.testing.assert_array_equal(ours, theirs)


def test_what_cannot_be_kept_on_a_full_disk_is_used_all_the_same(monkeypatch):
  calls = []

  def full_disk_once(*arguments):
    calls.append(arguments)
    if len(calls) == 1:
      raise OSError(28, "No space left on device")
    interpolation._fill(*arguments)

  monkeypatch.setattr(interpolation, "_compiled", full_disk_once)
  image, _ = cut(IMAGE, LABEL, turn_about(0, 1, (0, 0), (0, 0)), (5, 5), 255)
  np.testing.assert_array_equal(image, IMAGE[:, :5, :5])
