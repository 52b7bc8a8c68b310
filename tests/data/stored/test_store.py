"""The store as training opens it, and stores that are refused."""

import dataclasses
import json

import numpy as np
import pytest

from data.files.file_hash import file_sha256
from data.input_error import InputError
from data.stored.store import read_store, require_organs, verify
from tests.conftest import TINY_ORGANS, make_case, make_store


def test_arrays_and_index(tiny_store, tiny_raw):
  store = read_store(tiny_store)
  assert store.organs == tuple(TINY_ORGANS) and len(store.cases) == 6
  case = store.cases[0]
  image, label = make_case(np.random.default_rng(0))
  expected = np.round((np.clip(image, -125, 275) + 125.0) * 255 / 400)
  np.testing.assert_allclose(case.image(), expected, atol=1)
  assert np.mean(case.image() == expected) > 0.99  # halves may round either way
  np.testing.assert_array_equal(case.label(), label)
  assert case.spacing_mm == (3.0, 2.0, 2.0) and case.shape == (6, 40, 36) and case.fold == 1
  assert case.voxels == {
    "background": int((label == 0).sum()),
    **{o: int((label == v).sum()) for v, o in enumerate(TINY_ORGANS, 1)},
  }
  np.testing.assert_allclose(case.affine, np.diag([-2.0, -2, 3, 1]))
  assert case.sha256["source_image"] == file_sha256(tiny_raw / "images" / "full_0.nii.gz")
  verify(store.cases)


def test_partial_cases_keep_their_annotation(tiny_store):
  case = read_store(tiny_store).cases[3]
  assert case.annotated == ("liver",) and case.fold is None and set(np.unique(case.label())) == {0, 1}


def test_no_store_and_another_format(tmp_path):
  with pytest.raises(InputError, match=r"index\.json.*data\.prepare"):
    read_store(tmp_path)
  (tmp_path / "index.json").write_text('{"format": 2}')
  with pytest.raises(InputError, match="format 2, this program reads format 1"):
    read_store(tmp_path)
  (tmp_path / "index.json").write_text("{")
  with pytest.raises(InputError, match="not JSON"):
    read_store(tmp_path)


@pytest.mark.parametrize(
  "where, value",
  [
    (("organs",), []),
    (("organs",), ["liver", "liver"]),
    (("organs",), "liver"),
    (("cases",), []),
    (("spacing_mm",), [3, 2]),
    (("cases", 0, "id"), "../../full_0"),
    (("cases", 0, "id"), 3),
    (("cases", 0, "annotated"), ["lung"]),
    (("cases", 0, "fold"), -1),
    (("cases", 0, "fold"), True),
    (("cases", 0, "spacing_mm"), [3, 2, 0]),
    (("cases", 0, "shape"), [6, 40]),
    (("cases", 0, "shape", 1), "40"),
    (("cases", 0, "affine"), [[1, 0], [0, 1]]),
    (("cases", 0, "voxels"), {"liver": 3}),
    (("cases", 0, "sha256", "image"), None),
    (("cases", 1, "id"), "full_0"),
    (("cases", 0, "sketch"), "AAAA"),
    (("cases", 0, "sketch"), None),
  ],
)
def test_a_damaged_index_is_one_line(tiny_store, tmp_path, where, value):
  index = json.loads((tiny_store / "index.json").read_text())
  part = index
  for key in where[:-1]:
    part = part[key]
  part[where[-1]] = value
  (tmp_path / "index.json").write_text(json.dumps(index))
  (tmp_path / "cases").symlink_to(tiny_store / "cases")
  with pytest.raises(InputError, match=r"index\.json: is damaged .*; run data.prepare again"):
    read_store(tmp_path)


@pytest.mark.parametrize("content", [b"[]", b"null", b'{"format": true}', b"\xff\xfe{", b"[" * 200_000])
def test_what_is_no_index_is_one_line(tmp_path, content):
  (tmp_path / "index.json").write_bytes(content)
  with pytest.raises(InputError, match=r"index\.json: (is not JSON|the store has format)"):
    read_store(tmp_path)


def test_an_index_of_another_shape_is_noticed(tiny_store):
  case = read_store(tiny_store).cases[0]
  with pytest.raises(InputError, match=r"the index says uint8 of \(6, 40, 35\), an array is uint8 of"):
    verify([dataclasses.replace(case, shape=(6, 40, 35))])


def test_changed_and_missing_arrays(tiny_raw, tmp_path):
  make_store(tiny_raw / "dataset.json", tmp_path)
  file = tmp_path / "cases" / "full_0" / "image.npy"
  content = bytearray(file.read_bytes())
  content[-1] ^= 1
  file.write_bytes(content)
  with pytest.raises(InputError, match="sha256"):
    verify(read_store(tmp_path).cases)
  file.unlink()
  with pytest.raises(InputError, match=r"image\.npy: is missing"):
    read_store(tmp_path)


def test_an_experiment_of_other_organs_is_told(tiny_store):
  store = read_store(tiny_store)
  require_organs(store, [])
  require_organs(store, ["liver", "spleen", "pancreas"])
  for organs in (["spleen", "liver", "pancreas"], ["liver"]):
    with pytest.raises(InputError, match=r"has 3 organs \(liver, spleen, pancreas\), and --organs asks for"):
      require_organs(store, organs)
