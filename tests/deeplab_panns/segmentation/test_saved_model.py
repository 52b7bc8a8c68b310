"""SavedModels written and opened again."""

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.segmentation.saved_model import open_saved_model, write_saved_model
from deeplab_panns.segmentation.segment_arrays import segment_array
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter

ORGANS = ("spleen", "liver")
VOLUME = np.random.default_rng(0).normal(60, 90, (9, 7, 8)).astype(np.float32)


def small_segmenter():
  image = tf.keras.Input([None, None, 1])
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(3, 3, padding="same")(image / 255))
  return SliceSegmenter(network, InputGrid("axial", 1), 3)


def test_an_opened_model_labels_as_the_segmenter_that_was_written(tmp_path):
  ours, folder = small_segmenter(), tmp_path / "new" / "model"
  write_saved_model(ours, list(ORGANS), folder)
  opened = open_saved_model(folder)
  assert opened.organs == ORGANS
  labels = segment_array(opened.segmenter, VOLUME, (3.0, 1.0, 1.0))
  np.testing.assert_array_equal(labels, segment_array(ours, VOLUME, (3.0, 1.0, 1.0)))
  assert len(np.unique(labels)) > 1
  assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_model_that_cannot_be_written_leaves_the_earlier_one(tmp_path):
  earlier = tmp_path / "model"
  earlier.mkdir()
  (earlier / "saved_model.pb").write_text("earlier")

  class Broken:
    network = tf.keras.Sequential()
    labels = probabilities = staticmethod(lambda volume: volume)  # no graph, so no signature

  with pytest.raises(ValueError):
    write_saved_model(Broken(), ORGANS, earlier)
  assert (earlier / "saved_model.pb").read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("present", [(), ("saved_model.pb",), ("assets/organs.json",)])
def test_folders_that_hold_no_model_of_this_project(present, tmp_path):
  for name in present:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("[]")
  with pytest.raises(InputError, match=r"holds no SavedModel of this project.*deeplab_panns\.export"):
    open_saved_model(tmp_path)
