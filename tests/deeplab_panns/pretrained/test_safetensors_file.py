"""Numbers come back as they were written; what is damaged is one line."""

import json

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.pretrained.safetensors_file import read_safetensors
from tests.deeplab_panns.pretrained.synthetic_weights import write_safetensors

TENSORS = {"a.weight": np.array([[1.5, -2.0, 3.0]]), "b": np.array(4.0), "none": np.zeros((0, 2))}


@pytest.mark.parametrize("dtype, kind", [("<f4", "F32"), ("<f8", "F64"), ("<f2", "F16"), ("<i8", "I64")])
def test_numbers_come_back(tmp_path, dtype, kind):
  found = read_safetensors(write_safetensors(tmp_path / "w.safetensors", TENSORS, dtype, kind))
  assert list(found) == list(TENSORS)
  for name, array in TENSORS.items():
    assert found[name].dtype == np.float32 and found[name].shape == array.shape
    np.testing.assert_array_equal(found[name], array.astype(dtype))


def test_the_short_float_is_the_upper_half_of_a_float(tmp_path):
  upper = (np.array([1.5, -2.0, 3.140625], "<f4").view("<u4") >> 16).astype("<u2")
  path = write_safetensors(tmp_path / "w.safetensors", {"a": upper}, "<u2", "BF16")
  assert read_safetensors(path)["a"].tolist() == [1.5, -2.0, 3.140625]


def with_header(header, data=b"\0" * 8):
  text = json.dumps(header).encode()
  return len(text).to_bytes(8, "little") + text + data


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
  "content",
  [
    b"",
    b"\xff" * 20,
    (10).to_bytes(8, "little") + b"{}",
    with_header([]),
    with_header({"a": 3}),
    with_header({"a": {**ENTRY, "shape": [3]}}),
    with_header({"a": {**ENTRY, "data_offsets": [4, 12]}}),
    with_header({"a": {**ENTRY, "data_offsets": [-8, 0]}}),
    with_header({"a": {**ENTRY, "dtype": "F8_E4M3"}}),
    with_header({"a": ENTRY}, b"\0" * 7),
  ],
)
def test_what_is_damaged_is_one_line(tmp_path, content):
  (tmp_path / "w.safetensors").write_bytes(content)
  with pytest.raises(InputError, match=r"w\.safetensors: is cut, damaged or no \.safetensors file"):
    read_safetensors(tmp_path / "w.safetensors")
  with pytest.raises(InputError, match=r"gone: cannot be read \(No such file"):
    read_safetensors(tmp_path / "gone")
