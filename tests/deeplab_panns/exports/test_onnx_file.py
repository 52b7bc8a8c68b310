"""ONNX files equal TensorFlow to 1e-4, are checked before they get their name, and carry the facts."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.exports import onnx_file
from deeplab_panns.exports.model_card import ONNX_EXAMPLE
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig, deeplab_v3
from deeplab_panns.portable.onnx_model import open_onnx
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows
from dltk_unet.unet import UNetConfig, unet_3d
from tests.deeplab_panns.exports.card_facts import FACTS

pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")


def randomized(network):
  """Also the statistics of batch norm, or a mistake in them would not show."""
  rng = np.random.default_rng(0)
  for weight in network.weights:
    noise = rng.normal(0, 0.05, weight.shape)
    weight.assign(np.abs(weight + noise) + 0.5 if "variance" in weight.name else weight + noise)
  return network


def facts_3d(patch_size):
  facts = {name: value for name, value in FACTS.items() if name not in ("view", "slices_per_input")}
  return {**facts, "patch_size": patch_size, "overlap": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize(
  "settings", [{}, {"decoder": True, "separable": True, "stem": "plain", "channels": 1}]
)
def test_deeplab_is_the_same_in_onnx_runtime(settings, tmp_path):
  tf.keras.utils.set_random_seed(0)
  config = DeepLabConfig(**{"classes": 3, "backbone": "resnet_small", "channels": 3, **settings})
  segmenter = SliceSegmenter(randomized(deeplab_v3(config)), InputGrid("axial", config.channels), 3)
  facts = {**FACTS, "slices_per_input": config.channels, "spacing_mm": [None] * 3}
  outputs = onnx_file.onnx_outputs(tmp_path)
  assert onnx_file.write_onnx(segmenter, facts, outputs) < 1e-4
  assert open_onnx(tmp_path).organs == ("spleen", "liver")
  image = np.random.default_rng(1).integers(0, 256, (2, 38, 41, config.channels)).astype(np.float32)
  session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
  theirs = session.run(["probabilities"], {"image": image})[0]
  ours = tf.nn.softmax(segmenter.network(image, training=False)).numpy()
  np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)
  assert np.ptp(theirs) > 0.1
  onnx_file.onnx_outputs(tmp_path)  # what export wrote, it may replace
  card = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
  assert card.startswith("# Organs in CT") and ONNX_EXAMPLE in card


@pytest.mark.slow
def test_the_unet_is_the_same_in_onnx_runtime():
  tf.keras.utils.set_random_seed(0)
  network = randomized(unet_3d(UNetConfig(classes=3, filters=(4, 8), strides=((1, 1, 1), (2, 2, 2)))))
  segmenter = VolumeSegmenter(network, Windows((8, 8, 16)), 3)
  content, difference = onnx_file.convert(segmenter, facts_3d([8, 8, 16]))
  assert difference < 1e-4 and len(content) > 10_000


def test_the_example_of_the_card_runs_with_onnx_runtime_alone(tmp_path, capsys, monkeypatch):
  from tests.deeplab_panns.portable.test_onnx_model import FACTS_2D, onnx_bytes

  (tmp_path / "model.onnx").write_bytes(onnx_bytes(FACTS_2D))
  np.save(tmp_path / "images.npy", np.array([-900.0, 0, 0, 250, 250, 250]).reshape(1, 2, 3, 1))
  monkeypatch.setattr(sys, "argv", ["-", str(tmp_path / "model.onnx"), str(tmp_path / "images.npy")])
  exec(ONNX_EXAMPLE, {})
  assert capsys.readouterr().out == "liver 2\nspleen 3\n"


def test_a_network_that_differs_is_not_written(tmp_path, monkeypatch):
  monkeypatch.setattr(onnx_file, "convert", lambda *_: (b"", 2e-4))
  outputs = onnx_file.onnx_outputs(tmp_path / "out")
  with pytest.raises(InputError, match=r"model\.onnx: is not written: .* by 2\.0e-04, more than 0\.0001"):
    onnx_file.write_onnx(None, FACTS, outputs)
  monkeypatch.setattr(onnx_file, "convert", lambda *_: (b"", float("nan")))
  with pytest.raises(InputError, match="is not written"):
    onnx_file.write_onnx(None, FACTS, outputs)
  assert list((tmp_path / "out").iterdir()) == []


def test_files_of_others_and_missing_packages_are_refused_first(tmp_path, monkeypatch):
  (tmp_path / "model.onnx").touch()
  with pytest.raises(InputError, match=r"model\.onnx: exists"):
    onnx_file.onnx_outputs(tmp_path)
  onnx_file.onnx_outputs(tmp_path, overwrite=True)
  with pytest.raises(InputError, match="names a folder, in which"):
    onnx_file.onnx_outputs(tmp_path / "model.onnx")
  with pytest.raises(InputError, match="is empty"):
    onnx_file.onnx_outputs("")
  (tmp_path / "saved_model.pb").touch()
  with pytest.raises(InputError, match="holds a SavedModel, and one model card cannot tell of two"):
    onnx_file.onnx_outputs(tmp_path, overwrite=True)
  onnx_file.require_onnx()
  monkeypatch.setattr(onnx_file.importlib.util, "find_spec", lambda name: None)
  with pytest.raises(InputError, match=r"needs tf2onnx, onnx, onnxruntime, .*panns\[onnx\]"):
    onnx_file.require_onnx()
