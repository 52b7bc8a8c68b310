"""From manifest to store: content, resuming, and stores that are refused."""

import json
import shutil

import nibabel
import numpy as np
import pytest

from data.input_error import InputError
from data.manifest import read_manifest
from data.prepare import with_folds
from data.spacing import parse_spacing
from data.stored.store import file_sha256, read_store, verify
from data.stored.stored_case import Preparation, prepare_case
from tests.conftest import TINY_ORGANS, make_case, make_store, run_command, write_nifti, write_raw


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


def test_organs_that_are_not_annotated_become_unknown(tmp_path):
  path = write_raw(tmp_path)
  content = json.loads(path.read_text())
  content["cases"][0]["annotated"] = ["spleen"]
  path.write_text(json.dumps(content))
  label = read_store(make_store(path, tmp_path / "store")).cases[0].label()
  assert set(np.unique(label)) == {0, 2}


def test_resampling_moves_the_affine_with_the_grid(tiny_raw, tmp_path):
  store = read_store(make_store(tiny_raw / "dataset.json", tmp_path, (3.0, 4.0, 4.0)))
  case = store.cases[0]
  assert (
    case.shape == (6, 20, 18) and case.spacing_mm == (3.0, 4.0, 4.0) and store.spacing_mm == (3.0, 4.0, 4.0)
  )
  original = nibabel.load(tiny_raw / "images" / "full_0.nii.gz")
  middle = np.append((np.array(original.shape) - 1) / 2, 1)
  np.testing.assert_allclose(
    case.affine @ np.append((np.array(case.shape[::-1]) - 1) / 2, 1), original.affine @ middle
  )


def test_prepare_goes_on_from_what_is_finished(tiny_raw, tmp_path):
  make_store(tiny_raw / "dataset.json", tmp_path)
  shutil.rmtree(tmp_path / "cases" / "full_1")
  (tmp_path / "cases" / "full_2" / "label.npy").write_bytes(b"damaged")
  times = {folder.name: folder.stat().st_mtime_ns for folder in (tmp_path / "cases").iterdir()}
  make_store(tiny_raw / "dataset.json", tmp_path)
  redone = {
    folder.name
    for folder in (tmp_path / "cases").iterdir()
    if times.get(folder.name) != folder.stat().st_mtime_ns
  }
  assert redone == {"full_1", "full_2"}
  verify(read_store(tmp_path).cases)


def test_another_recipe_is_another_case(tiny_raw, tmp_path):
  make_store(tiny_raw / "dataset.json", tmp_path)
  make_store(tiny_raw / "dataset.json", tmp_path, (None, 4.0, 4.0))
  assert {case.shape for case in read_store(tmp_path).cases} == {(6, 20, 18)}


def test_seeded_folds_where_the_manifest_has_none(tmp_path):
  store = read_store(make_store(write_raw(tmp_path / "raw", full=4, test=0), tmp_path / "store"))
  assert sorted(case.fold for case in store.cases if store.is_full(case)) == [0, 1, 2, 3]


def test_folds_for_some_full_cases_only(tiny_raw):
  manifest = read_manifest(tiny_raw / "dataset.json")
  import dataclasses

  cases = (dataclasses.replace(manifest.cases[0], fold=None), *manifest.cases[1:])
  with pytest.raises(InputError, match="full_0"):
    with_folds(dataclasses.replace(manifest, cases=cases), {case.id: {} for case in cases}, 5, 0)


@pytest.mark.slow
def test_the_command_lists_failures_and_writes_no_index(tmp_path):
  path = write_raw(tmp_path / "raw")
  image, label = make_case(np.random.default_rng(9))
  write_nifti(tmp_path / "raw" / "labels" / "full_1.nii.gz", np.where(label == 2, 77, label).astype(np.uint8))
  write_nifti(tmp_path / "raw" / "images" / "partial_3.nii.gz", image[:-1])
  (tmp_path / "raw" / "images" / "full_2.nii.gz").write_bytes(b"no image")
  result = run_command(
    "data.prepare", f"--manifest={path}", f"--output_dir={tmp_path / 'store'}", check=False
  )
  assert result.returncode == 1 and result.stderr.count("\n") == 1 and "3 of 6 cases failed" in result.stderr
  for says in ("full_1.nii.gz", "77", "partial_3.nii.gz", "full_2.nii.gz"):
    assert says in result.stderr
  assert not (tmp_path / "store" / "index.json").exists()
  assert (tmp_path / "store" / "cases" / "full_0" / "image.npy").exists()


def test_a_case_that_would_grow_too_large(tiny_raw, tmp_path):
  manifest = read_manifest(tiny_raw / "dataset.json")
  with pytest.raises(InputError, match="--max_voxels=1,000"):
    prepare_case(manifest.cases[0], Preparation(manifest.organs, (0.1, 0.1, 0.1), 1000), tmp_path)


@pytest.mark.parametrize(
  "text, parsed",
  [
    (None, (None, None, None)),
    (["3"], (3.0, 3.0, 3.0)),
    (["2", "1.5"], (None, 2.0, 1.5)),
    (["5", "2", "1"], (5.0, 2.0, 1.0)),
  ],
)
def test_spacing_flag(text, parsed):
  assert parse_spacing(text) == parsed


@pytest.mark.parametrize("text", [["0"], ["-1", "2"], ["x"], ["nan"], ["1", "2", "3", "4"], ["inf"]])
def test_wrong_spacing_flags(text):
  with pytest.raises(InputError, match="--spacing_mm"):
    parse_spacing(text)


def test_no_store_and_another_format(tmp_path):
  with pytest.raises(InputError, match=r"index\.json.*data\.prepare"):
    read_store(tmp_path)
  (tmp_path / "index.json").write_text('{"format": 2}')
  with pytest.raises(InputError, match="format 2, this program reads format 1"):
    read_store(tmp_path)
  (tmp_path / "index.json").write_text("{")
  with pytest.raises(InputError, match="not JSON"):
    read_store(tmp_path)


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
