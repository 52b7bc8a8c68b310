"""What all segmenters of volumes do, on a segmenter without windows or resampling."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.segmentation.slabs import SLAB, SlabSegmenter, slab_count, slab_indices

IMAGE = np.random.default_rng(0).integers(0, 256, (SLAB + 3, SLAB - 1, 2 * SLAB)).astype(np.uint8)
SPACING = tf.constant([1.0, 1.0, 1.0])


class VoxelSegmenter(SlabSegmenter):
  """The network sees the voxels as they are."""

  def _slabs(self, volume, prepare, spacing_mm, convert, dtype):
    depth = tf.shape(volume)[self.axis]
    outputs = tf.TensorArray(dtype, size=slab_count(depth), infer_shape=False)
    for number in tf.range(slab_count(depth)):
      slices = tf.gather(volume, slab_indices(number, depth), axis=self.axis)
      order = [self.axis, *(axis for axis in range(3) if axis != self.axis)]
      images = tf.ensure_shape(tf.transpose(prepare(slices), order), [SLAB, None, None])
      outputs = outputs.write(number, convert(number, 0, self._classify(images)))
    return outputs


def bright_network(images, training=False):
  """Class 1 above 99.5, class 0 below, in half precision as mixed networks compute."""
  return tf.cast(tf.stack([99.5 - images, images - 99.5], -1), tf.float16)


@functools.cache  # each new one is traced
def segmenter(axis):
  return VoxelSegmenter(bright_network, None, 2, axis)


def hu(image):
  return image.astype(np.float32) * 400 / 255 - 125


def test_17_slices_are_three_slabs_and_the_last_one_is_repeated():
  assert [int(slab_count(depth)) for depth in (1, 8, 9, 16, 17)] == [1, 1, 2, 2, 3]
  np.testing.assert_array_equal(slab_indices(1, 17), range(8, 16))
  np.testing.assert_array_equal(slab_indices(2, 17), [16] * 8)
  np.testing.assert_array_equal(slab_indices(0, 3), [0, 1, 2, 2, 2, 2, 2, 2])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_labels_lie_on_the_volume_whatever_the_axis_of_the_slabs(axis):
  labels = segmenter(axis).labels(hu(IMAGE), SPACING)["labels"].numpy()
  assert labels.dtype == np.uint8
  np.testing.assert_array_equal(labels, IMAGE > 99)


def test_the_hu_window_is_applied_to_volumes_and_not_to_images_of_the_store():
  np.testing.assert_array_equal(segmenter(0).stored_labels(IMAGE, SPACING), IMAGE > 99)
  volume = np.full((1, 1, 2), 99.0, np.float32)  # 99 HU are 143 of 255
  np.testing.assert_array_equal(segmenter(0).labels(volume, SPACING)["labels"], np.ones((1, 1, 2)))


@pytest.mark.parametrize("axis", [0, 2])
def test_probabilities_have_their_classes_behind_the_volumes_axes(axis):
  probabilities = segmenter(axis).probabilities(hu(IMAGE), SPACING)["probabilities"].numpy()
  assert probabilities.dtype == np.float16 and probabilities.shape == (*IMAGE.shape, 2)
  np.testing.assert_array_equal(probabilities[..., 1] > 0.5, IMAGE > 99)


def test_a_stream_hands_on_every_slab_once_in_float32():
  blocks = {}
  stream = segmenter(1).streaming(
    lambda number, row, block: blocks.__setitem__((number, row), block), tf.float32
  )
  stream(hu(IMAGE), SPACING)
  assert list(blocks) == [(0, 0)] and blocks[0, 0].dtype == np.float32
  coronal = np.moveaxis(IMAGE, 1, 0)
  np.testing.assert_array_equal(blocks[0, 0][..., 1] > 0.5, coronal[[*range(SLAB - 1), SLAB - 2]] > 99)
