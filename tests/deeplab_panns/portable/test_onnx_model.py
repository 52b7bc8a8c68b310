"""ONNX files opened without TensorFlow; what is damaged or foreign is one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.portable.onnx_model import FACTS, is_onnx, open_onnx
from tests.conftest import ROOT, write_nifti

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")

FACTS_2D = {
  "format": 1,
  "version": "0.1.0",
  "organs": ["liver", "spleen"],
  "window_hu": [-125.0, 275.0],
  "spacing_mm": [None, None, None],
  "view": "axial",
  "slices_per_input": 1,
  "scans": {},
}


def onnx_bytes(facts=FACTS_2D, name=FACTS):
  """Pixels above 64, 192: background, liver, spleen, by logits that are linear in the grey level."""
  from onnx import TensorProto, helper, numpy_helper

  weights = np.array([[0.0, 0.1, 0.2]], np.float32), np.array([0.0, -6.4, -25.6], np.float32)
  inputs = helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, None, None, 1])
  output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, None, None, 3])
  nodes = [
    helper.make_node("MatMul", ["image", "kernel"], ["product"]),
    helper.make_node("Add", ["product", "bias"], ["logits"]),
    helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
  ]
  constants = [numpy_helper.from_array(array, n) for array, n in zip(weights, ("kernel", "bias"))]
  graph = helper.make_graph(nodes, "g", [inputs], [output], constants)
  model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
  if facts is not None:
    model.metadata_props.add(key=name, value=facts if isinstance(facts, str) else json.dumps(facts))
  return model.SerializeToString()


def write(path, content):
  path.write_bytes(content)
  return path


def test_a_file_and_its_folder_label_by_hand_checked_thresholds(tmp_path):
  path = write(
    tmp_path / "model.onnx", onnx_bytes({**FACTS_2D, "scans": {"extent_mm": [[1, 2, 3], [4, 5, 6]]}})
  )
  assert is_onnx(path) and is_onnx(tmp_path) and not is_onnx(tmp_path / "other")
  for name in (path, tmp_path):
    model = open_onnx(name)
    assert model.organs == ("liver", "spleen") and model.scans == {"extent_mm": [[1, 2, 3], [4, 5, 6]]}
    hu = np.array([-900.0, -30.0, -20.0, 150.0, 190.0, 900.0], np.float32)  # 64 is -24.6 HU, 192 is 176 HU
    labels = model.segmenter.labels(hu.reshape(1, 2, 3), (3.0, 1.0, 1.0))["labels"]
    assert labels.ravel().tolist() == [0, 0, 1, 1, 2, 2]


def test_windows_are_read_from_the_facts(tmp_path):
  facts = {name: value for name, value in FACTS_2D.items() if name not in ("view", "slices_per_input")}
  path = write(tmp_path / "m.onnx", onnx_bytes({**facts, "patch_size": [4, 4, 4], "overlap": 0.5}))
  assert type(open_onnx(path).segmenter).__name__ == "WindowLabeller"


@pytest.mark.parametrize(
  "content, says",
  [
    (lambda: onnx_bytes(None), "is no model of this project"),
    (lambda: onnx_bytes("[]"), "is no model of this project"),
    (lambda: onnx_bytes({**FACTS_2D, "format": 9, "version": "7.0"}), r"has format 9, .* wrote it \(7\.0\)"),
    (lambda: onnx_bytes({**FACTS_2D, "organs": 3}), "what it says of its model is damaged"),
    (lambda: onnx_bytes({**FACTS_2D, "view": "oblique"}), "view=oblique"),
    (lambda: onnx_bytes({**FACTS_2D, "window_hu": [1]}), "what it says of its model is damaged"),
    (
      lambda: onnx_bytes({**FACTS_2D, "scans": {"extent_mm": 1}}),
      "ranges of the scans in training are damaged",
    ),
    (lambda: onnx_bytes()[:200], "is cut, damaged or no ONNX file"),
    (lambda: b"", "is cut, damaged or no ONNX file"),
    (lambda: b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS"),
  ],
)
def test_what_is_damaged_or_foreign_is_one_line(tmp_path, content, says):
  path = write(tmp_path / "m.onnx", content())
  with pytest.raises(InputError, match=says) as caught:
    open_onnx(path)
  assert "\n" not in str(caught.value) and len(str(caught.value)) <= 300 + len(str(path))


def test_a_missing_file_and_a_missing_runtime_are_one_line(tmp_path, monkeypatch):
  with pytest.raises(InputError, match=r"gone\.onnx: cannot be read \(No such file"):
    open_onnx(tmp_path / "gone.onnx")
  monkeypatch.setitem(sys.modules, "onnxruntime", None)
  with pytest.raises(InputError, match=r"needs onnxruntime, .* pip install onnxruntime"):
    open_onnx(tmp_path / "gone.onnx")


def test_images_that_the_network_does_not_take_are_an_input_error(tmp_path):
  model = open_onnx(write(tmp_path / "m.onnx", onnx_bytes({**FACTS_2D, "slices_per_input": 3})))
  with pytest.raises(InputError, match=r"ONNX Runtime cannot run it on \(8, 4, 5, 3\)"):
    model.segmenter.labels(np.zeros((2, 4, 5), np.float32), (1.0, 1.0, 1.0))


WITHOUT_TENSORFLOW = """
import sys
for name in ("tensorflow", "keras", "tensorflow_addons", "tf2onnx", "onnx"):
  sys.modules[name] = None
from absl import flags
from data import command
from deeplab_panns import predict
predict.define_flags()
command.run(predict.main)
"""


@pytest.mark.slow
def test_predict_runs_where_tensorflow_cannot_be_imported(tmp_path):
  write(tmp_path / "model.onnx", onnx_bytes())
  volume = np.random.default_rng(0).integers(-1000, 400, (3, 12, 14)).astype(np.int16)
  write_nifti(tmp_path / "scan.nii.gz", volume)
  arguments = [
    f"--{name}={tmp_path / path}"
    for name, path in (("model", "model.onnx"), ("input", "scan.nii.gz"), ("output_dir", "out"))
  ]
  result = subprocess.run(
    [sys.executable, "-c", WITHOUT_TENSORFLOW, *arguments],
    capture_output=True,
    text=True,
    cwd=ROOT,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  import nibabel

  labels = np.asarray(nibabel.load(tmp_path / "out" / "scan.nii.gz").dataobj).transpose(2, 1, 0)
  grey = (np.clip(volume, -125, 275) + 125) * 0.6375
  np.testing.assert_array_equal(labels, np.digitize(np.round(grey), [64.5, 192.5]))
