"""The operation alone gives the bits of tensorflow-addons, and both do what can be worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from data.batches.projective_transform import by_operation, transform

RNG = np.random.default_rng(3)
SIZE = tf.constant([13, 9], tf.int32)
MOVES = tf.constant([[0.9, -0.3, 2.5, 0.3, 0.9, -1.25, 0, 0], [1, 0, 30, 0, 1, 0, 0, 0]], tf.float32)


@pytest.mark.parametrize("interpolation, fill", [("bilinear", 0.0), ("nearest", 255.0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_with_and_without_tensorflow_addons_to_the_bit(interpolation, fill, dtype):
  tfa = pytest.importorskip("tensorflow_addons", reason="tensorflow-addons ends with TensorFlow 2.15")
  images = tf.constant(RNG.integers(0, 256, (2, 17, 12, 3)).astype(dtype))
  theirs = tfa.image.transform(images, MOVES, interpolation, output_shape=SIZE, fill_value=fill)
  np.testing.assert_array_equal(by_operation(images, MOVES, interpolation, SIZE, fill), theirs)
  np.testing.assert_array_equal(transform(images, MOVES, interpolation, SIZE, fill), theirs)


def test_a_shift_takes_from_the_right_and_fills_what_lies_beyond():
  image = tf.constant(np.arange(20, dtype=np.uint8).reshape(1, 4, 5, 1))
  shifted = transform(
    image, tf.constant([[1.0, 0, 2, 0, 1, 1, 0, 0]]), "nearest", tf.constant([4, 5]), 99.0
  ).numpy()[0, ..., 0]
  np.testing.assert_array_equal(shifted[:3, :3], np.arange(20).reshape(4, 5)[1:, 2:])
  assert (shifted[3] == 99).all() and (shifted[:, 3:] == 99).all()
