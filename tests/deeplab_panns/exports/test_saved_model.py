"""SavedModels written and opened again; what is damaged, and what must not be replaced, is one line."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.exports.model_card import SAVED_MODEL_EXAMPLE
from deeplab_panns.exports.saved_model import open_saved_model, require_replaceable, write_saved_model
from deeplab_panns.segmentation.segment_arrays import segment_array
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter
from tests.deeplab_panns.exports.card_facts import FACTS

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
  write_saved_model(ours, list(ORGANS), folder, RANGES, FACTS)
  require_replaceable(folder)
  assert json.loads((folder / "assets" / "facts.json").read_text(encoding="utf-8")) == FACTS
  assert SAVED_MODEL_EXAMPLE in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
  opened = open_saved_model(folder)
  assert opened.organs == ORGANS and opened.scans == RANGES
  labels = segment_array(opened.segmenter, VOLUME, (3.0, 1.0, 1.0))
  np.testing.assert_array_equal(labels, segment_array(ours, VOLUME, (3.0, 1.0, 1.0)))
  assert len(np.unique(labels)) > 1
  assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def graph_of(folder):
  from tensorflow.core.protobuf import saved_model_pb2

  saved = saved_model_pb2.SavedModel()
  saved.ParseFromString((folder / "saved_model.pb").read_bytes())
  (graph,) = saved.meta_graphs
  return graph


def test_the_model_is_one_that_tensorflow_serving_answers_for(model):
  """Its REST interface reads JSON by the names of the inputs and knows neither Python nor float16 inputs
  (https://www.tensorflow.org/tfx/serving/api_rest, "Specifying input tensors in column format")."""
  graph = graph_of(model)
  assert list(graph.meta_info_def.tags) == ["serve"]
  signature = graph.signature_def["serving_default"]
  assert signature.method_name == "tensorflow/serving/predict"
  found = {name: tf.as_dtype(tensor.dtype) for name, tensor in signature.inputs.items()}
  assert found == {"volume": tf.float32, "spacing_mm": tf.float32}
  assert {name: tf.as_dtype(tensor.dtype) for name, tensor in signature.outputs.items()} == {
    "labels": tf.uint8
  }
  nodes = [graph.graph_def.node, *(function.node_def for function in graph.graph_def.library.function)]
  operations = {node.op for part in nodes for node in part}
  assert len(operations) > 20 and not {op for op in operations if "Py" in op or "NumpyFunction" in op}


THEN_BY_SAVED_MODEL_CLI = """
np.save("spacing.npy", np.array([3, 1, 1], np.float32))
sys.argv = ["saved_model_cli", "run", "--dir", sys.argv[1], "--tag_set", "serve"]
sys.argv += ["--signature_def", "serving_default", "--inputs", "volume=volume.npy;spacing_mm=spacing.npy"]
sys.argv += ["--outdir", "."]
from tensorflow.python.tools import saved_model_cli
saved_model_cli.main()
"""


@pytest.mark.slow
def test_the_cards_example_and_saved_model_cli_run_with_tensorflow_alone(model, tmp_path):
  np.save(tmp_path / "volume.npy", VOLUME)
  blocked = ("data", "deeplab_panns", "dltk_unet", "tensorflow_addons", "nibabel", "scipy", "SimpleITK")
  alone = f"import sys\nfor name in {blocked}:\n  sys.modules[name] = None\n"
  result = subprocess.run(
    [
      *(sys.executable, "-I", "-c", f"{alone}{SAVED_MODEL_EXAMPLE}{THEN_BY_SAVED_MODEL_CLI}"),
      *(str(model), "volume.npy", "3,1,1"),
    ],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    check=False,
    env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
  )
  assert result.returncode == 0, result.stderr
  labels = segment_array(open_saved_model(model).segmenter, VOLUME, (3.0, 1.0, 1.0))
  assert result.stdout.startswith(f"spleen {(labels == 1).sum()}\nliver {(labels == 2).sum()}\n")
  np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), labels)


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


@pytest.mark.parametrize("content", ['{"format": 9, "version": "7.0"}', '{"format": "new"}', "[]"])
def test_a_model_of_a_later_version_is_one_line(model, tmp_path, content):
  folder = shutil.copytree(model, tmp_path / "model")
  (folder / "assets" / "facts.json").write_text(content)
  with pytest.raises(InputError, match=r"facts\.json: has format .*, and this version reads 1 to 1; use the"):
    open_saved_model(folder)


def test_a_model_of_other_signatures_is_refused(model, tmp_path):
  module = tf.Module()
  module.organs = tf.saved_model.Asset(str(model / "assets" / "organs.json"))
  module.weight = tf.Variable(1.0)
  call = tf.function(lambda volume: {"mask": volume * module.weight}, [tf.TensorSpec([], tf.float32)])
  tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": call})
  with pytest.raises(InputError, match="model: gives mask, not labels"):
    open_saved_model(tmp_path / "model")


def test_only_a_model_of_our_own_is_replaced(model, tmp_path, monkeypatch):
  with pytest.raises(InputError, match="is empty"):
    require_replaceable("")
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError, match=r"--output_dir=\.: is the working folder"):
    require_replaceable(".")
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
