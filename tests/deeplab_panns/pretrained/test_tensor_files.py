"""The kind of a file is found out by its content, and a pickle is never opened."""

import pickle

import h5py
import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.pretrained.tensor_files import read_tensors
from tests.deeplab_panns.pretrained.synthetic_weights import write_h5, write_safetensors, write_tf1

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("folder", ["plain", "odd[0]*"])
def test_checkpoints_of_tensorflow_1_by_prefix_and_by_index(tmp_path, folder):
  (tmp_path / folder).mkdir()
  prefix = tmp_path / folder / "model.ckpt"
  write_tf1(tmp_path / "model.ckpt", {"resnet_v1_50/conv1/weights": ARRAY})
  for file in tmp_path.glob("model.ckpt*"):
    file.rename(prefix.parent / file.name)
  for path in (prefix, f"{prefix}.index"):
    found = read_tensors(path)
    assert found.kind == "tf1" and sorted(found.tensors) == ["global_step", "resnet_v1_50/conv1/weights"]
    np.testing.assert_array_equal(found.tensors["resnet_v1_50/conv1/weights"], ARRAY)


def test_checkpoints_of_the_older_format_are_one_file(tmp_path):
  path = str(tmp_path / "resnet_v1_50.ckpt")
  tf.raw_ops.Save(filename=path, tensor_names=["resnet_v1_50/conv1/weights"], data=[ARRAY])
  found = read_tensors(path)
  assert found.kind == "tf1" and found.tensors["resnet_v1_50/conv1/weights"].tolist() == ARRAY.tolist()


def test_keras_files_with_and_without_the_model(tmp_path):
  write_h5(tmp_path / "weights.h5", {"conv1_conv/kernel": ARRAY, "conv1_bn/gamma": ARRAY[0]})
  with h5py.File(tmp_path / "model.h5", "w") as file:
    file["model_weights/conv1_conv/conv1_conv/kernel:0"] = ARRAY
    file["model_weights/conv1_bn/conv1_bn/gamma:0"] = ARRAY[0]
  for name in ("weights.h5", "model.h5"):
    found = read_tensors(tmp_path / name)
    assert found.kind == "keras" and sorted(found.tensors) == ["conv1_bn/gamma", "conv1_conv/kernel"]
    np.testing.assert_array_equal(found.tensors["conv1_conv/kernel"], ARRAY)


def test_torch_files(tmp_path):
  found = read_tensors(write_safetensors(tmp_path / "r.safetensors", {"conv1.weight": ARRAY}))
  assert found.kind == "torch" and found.tensors["conv1.weight"].tolist() == ARRAY.tolist()


class Mischief:
  def __reduce__(self):
    return pytest.fail, ("the pickle ran",)


@pytest.mark.parametrize("content", [pickle.dumps(Mischief()), b"PK\x03\x04zip", b"anything"])
def test_a_pickle_is_refused_with_the_two_lines_that_convert_it(tmp_path, content):
  (tmp_path / "resnet50.pth").write_bytes(content)
  with pytest.raises(InputError) as caught:
    read_tensors(tmp_path / "resnet50.pth")
  said = str(caught.value)
  assert "`import torch, safetensors.torch as s`" in said and len(said) <= 300 + len(str(tmp_path))
  assert "`s.save_file(torch.load('resnet50.pth', weights_only=True), 'resnet50.safetensors')`" in said


@pytest.mark.parametrize(
  "name, content, says",
  [
    ("gone.h5", None, "cannot be read"),
    ("cut.h5", b"\x89HDF\r\n\x1a\n" + bytes(40), "is cut or damaged"),
    ("text.ckpt", b"hello, this is no checkpoint", "is no TF1 checkpoint"),
  ],
)
def test_other_files_are_one_line(tmp_path, name, content, says):
  if content is not None:
    (tmp_path / name).write_bytes(content)
  with pytest.raises(InputError, match=says) as caught:
    read_tensors(tmp_path / name)
  assert "\n" not in str(caught.value)


def test_a_cut_checkpoint_is_one_line(tmp_path):
  prefix = write_tf1(tmp_path / "model.ckpt", {"a": np.ones(5000, np.float32)})
  data = tmp_path / "model.ckpt.data-00000-of-00001"
  data.write_bytes(data.read_bytes()[:100])
  with pytest.raises(InputError, match="is no TF1 checkpoint"):
    read_tensors(prefix)
