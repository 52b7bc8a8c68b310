"""SavedModels written and opened again; what is damaged, and what must not be replaced, is one line."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.exports.saved_model import open_saved_model, require_replaceable, write_saved_model
from deeplab_panns.segmentation.segment_arrays import segment_array
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter

ORGANS = ("spleen", "liver")
RANGES = {"extent_mm": [[10.0, 300.0, 300.0], [90.0, 400.0, 400.0]]}
VOLUME = np.random.default_rng(0).normal(60, 90, (9, 7, 8)).astype(np.float32)


def small_segmenter():
  tf.keras.utils.set_random_seed(0)  # with other weights one class may win everywhere
  image = tf.keras.Input([None, None, 1])
  network = tf.keras.Model(image, tf.keras.layers.Conv2D(3, 3, padding="same")(image / 255))
  return SliceSegmenter(network, InputGrid("axial", 1), 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  """A SavedModel; to be copied, not changed."""
  folder = tmp_path_factory.mktemp("models") / "model"
  write_saved_model(small_segmenter(), ORGANS, folder)
  return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model", "fold[0]/r*n?"])  # a path is not a pattern
def test_an_opened_model_labels_as_the_segmenter_that_was_written(tmp_path, name):
  ours, folder = small_segmenter(), tmp_path / "new" / name
  write_saved_model(ours, list(ORGANS), folder, RANGES)
  opened = open_saved_model(folder)
  assert opened.organs == ORGANS and opened.scans == RANGES
  labels = segment_array(opened.segmenter, VOLUME, (3.0, 1.0, 1.0))
  np.testing.assert_array_equal(labels, segment_array(ours, VOLUME, (3.0, 1.0, 1.0)))
  assert len(np.unique(labels)) > 1
  assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_model_of_before_has_no_ranges_of_scans(model):
  assert not (model / "assets" / "scans.json").exists() and open_saved_model(model).scans == {}


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


def cut(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def weights(folder, ending):
  return next((folder / "variables").glob(f"*{ending}"))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 13157860\n"
DAMAGES = {
  "no variables": (
    lambda folder: shutil.rmtree(folder / "variables"),
    "variables: the files of the weights are missing",
  ),
  "no index": (lambda folder: weights(folder, ".index").unlink(), "the files of the weights are missing"),
  "pointer": (
    lambda folder: weights(folder, "-00001").write_bytes(POINTER),
    r"variables.data-00000-of-00001: is a pointer of Git LFS .* `git lfs pull`",
  ),
  "pointer for the graph": (
    lambda folder: (folder / "saved_model.pb").write_bytes(POINTER),
    r"saved_model\.pb: is a pointer of Git LFS",
  ),
  "cut weights": (lambda folder: cut(weights(folder, "-00001")), "the SavedModel is cut or damaged"),
  "cut graph": (lambda folder: cut(folder / "saved_model.pb"), "the SavedModel is cut or damaged"),
  "empty graph": (
    lambda folder: (folder / "saved_model.pb").write_bytes(b""),
    "the SavedModel is cut or damaged",
  ),
  "cut organs": (lambda folder: cut(folder / "assets" / "organs.json"), r"organs\.json: is damaged"),
  "no list of organs": (
    lambda folder: (folder / "assets" / "organs.json").write_text("[1]"),
    r"organs\.json: is no list of organs' names",
  ),
  "ranges": (
    lambda folder: (folder / "assets" / "scans.json").write_text('{"extent_mm": 1}'),
    r"scans\.json: the ranges of the scans in training are damaged",
  ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_one_line(model, tmp_path, damage):
  harm, says = DAMAGES[damage]
  folder = shutil.copytree(model, tmp_path / "m[1]")
  harm(folder)
  with pytest.raises(InputError, match=says) as caught:
    open_saved_model(folder)
  assert "\n" not in str(caught.value) and len(str(caught.value)) <= 300 + len(str(folder))


def test_a_model_of_other_signatures_is_refused(model, tmp_path):
  module = tf.Module()
  module.organs = tf.saved_model.Asset(str(model / "assets" / "organs.json"))
  module.weight = tf.Variable(1.0)
  call = tf.function(lambda volume: {"mask": volume * module.weight}, [tf.TensorSpec([], tf.float32)])
  tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": call})
  with pytest.raises(InputError, match="model: gives mask, not labels"):
    open_saved_model(tmp_path / "model")


def test_only_a_model_of_our_own_is_replaced(model, tmp_path):
  with pytest.raises(InputError, match="is empty"):
    require_replaceable("")
  require_replaceable(tmp_path / "new" / "model")
  (tmp_path / "empty").mkdir()
  require_replaceable(tmp_path / "empty")
  ours = shutil.copytree(model, tmp_path / "ours")
  require_replaceable(ours)
  (ours / "assets" / "organs.json").write_text('["edited"]')
  with pytest.raises(InputError, match=r"organs\.json: exists, and .* --overwrite"):
    require_replaceable(ours)
  require_replaceable(ours, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_files_is_never_replaced(model, tmp_path, overwrite):
  (tmp_path / "home" / "scans").mkdir(parents=True)
  with pytest.raises(InputError, match=r"home: holds what is no part of a SavedModel \(scans\)"):
    require_replaceable(tmp_path / "home", overwrite)
  mixed = shutil.copytree(model, tmp_path / "mixed")
  (mixed / "notes.txt").touch()
  with pytest.raises(InputError, match=r"mixed: holds what is no part of a SavedModel \(notes\.txt\)"):
    require_replaceable(mixed, overwrite)
  with pytest.raises(InputError, match="is not a folder"):
    require_replaceable(mixed / "notes.txt", overwrite)
  with pytest.raises(InputError, match="cannot be written to"):
    require_replaceable(mixed / "notes.txt" / "model", overwrite)
  os.symlink("gone", tmp_path / "link")
  with pytest.raises(InputError, match="is not a folder"):
    require_replaceable(tmp_path / "link", overwrite)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
  def refuse(*_, **__):
    raise tf.errors.ResourceExhaustedError(
      None, None, "{{node a}} b; No space left on device [Op:SaveV2]\nstack"
    )

  monkeypatch.setattr(tf.saved_model, "save", refuse)
  with pytest.raises(InputError, match=r"model: .* cannot be written \(No space left on device\); give"):
    write_saved_model(small_segmenter(), ORGANS, tmp_path / "model")
  assert list(tmp_path.iterdir()) == []
