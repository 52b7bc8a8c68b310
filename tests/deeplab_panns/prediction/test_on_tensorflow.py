"""Segmenters of TensorFlow as arrays see them; and that a volume is held once."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.prediction.failures import SegmentationError
from deeplab_panns.prediction.on_tensorflow import OnTensorFlow
from deeplab_panns.prediction.quantised import as_bytes, quantised_probabilities
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter

HU = np.random.default_rng(0).integers(-200, 300, (11, 12, 13)).astype(np.float32)


class Three(tf.Module):
  """Three classes by brightness and by a neighbour, so that no two voxels are alike."""

  def __call__(self, images, training=False):
    return tf.concat([128 - images, images - 128, images[:, :, ::-1] - 100], axis=-1) / 50


@pytest.mark.slow
@pytest.mark.parametrize("view", ["axial", "sagittal"])
def test_blocks_make_up_the_probabilities_of_the_whole(view):
  segmenter = OnTensorFlow(SliceSegmenter(Three(), InputGrid(view, 1), 3))
  tensor, array = segmenter.hold(HU)
  np.testing.assert_array_equal(array, HU)
  whole = segmenter.probabilities(tensor, (1.0, 1.0, 1.0))["probabilities"]
  with quantised_probabilities(segmenter, tensor, (1.0, 1.0, 1.0), 2) as organs:
    found = np.stack(list(organs))
  np.testing.assert_allclose(found.astype(int), as_bytes(whole).astype(int), atol=1)  # float16 rounds
  labels = segmenter.labels(tensor, (1.0, 1.0, 1.0))["labels"]
  assert labels.dtype == np.uint8 and labels.shape == HU.shape
  sure = np.abs(found[0].astype(int) - found[1]) > 2
  background = 255 - found.astype(int).sum(axis=0)
  sure &= np.abs(background - found.max(axis=0)) > 4
  expected = np.where(found.max(axis=0) > background, 1 + found.argmax(axis=0), 0)
  np.testing.assert_array_equal(labels[sure], expected[sure])
  assert sure.mean() > 0.5


def test_the_array_is_a_view_of_the_tensor():
  class Nothing:
    def labels(self, volume, spacing_mm): ...

  tensor, array = OnTensorFlow(Nothing()).hold(HU)
  assert not array.flags.owndata and not array.flags.writeable
  again = np.asarray(memoryview(tensor))
  assert again.ctypes.data == array.ctypes.data and array.ctypes.data != HU.ctypes.data


@pytest.mark.parametrize(
  "error, becomes, says",
  [
    (tf.errors.ResourceExhaustedError(None, None, "OOM"), MemoryError, ""),
    (tf.errors.InternalError(None, None, "odd\nstack"), SegmentationError, "odd"),
  ],
)
def test_errors_are_those_of_any_program(error, becomes, says):
  class Broken:
    def labels(self, volume, spacing_mm):
      raise error

  segmenter = OnTensorFlow(Broken())
  assert not segmenter.gives_probabilities and not hasattr(segmenter, "each_block")
  with pytest.raises(becomes, match=f"^{says}$"):
    segmenter.labels(HU, (1.0, 1.0, 1.0))
