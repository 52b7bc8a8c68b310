"""A case's folder: whole, and by the recipe asked for, or not there."""

import numpy as np
import pytest

from data.stored import case_folder

ARRAYS = {"image": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "label": np.zeros((2, 3, 4), np.uint8)}


def written(folder, recipe):
  case_folder.write(folder, ARRAYS, {"shape": [2, 3, 4], "sha256": {"source_image": "a"}}, recipe)
  return folder


def test_what_was_written_is_finished(tmp_path):
  folder = written(tmp_path / "case", {"spacing": 1})
  entry = case_folder.finished(folder, {"spacing": 1})
  assert entry["shape"] == [2, 3, 4] and set(entry["sha256"]) == {"source_image", "image", "label"}
  np.testing.assert_array_equal(np.load(folder / "image.npy"), ARRAYS["image"])
  assert case_folder.finished(folder, {"spacing": 2}) is None
  assert case_folder.finished(tmp_path / "other", {"spacing": 1}) is None


@pytest.mark.parametrize("name", ["image.npy", "label.npy", "case.json"])
def test_a_damaged_or_missing_file(tmp_path, name):
  folder = written(tmp_path / "case", {})
  (folder / name).write_bytes((folder / name).read_bytes()[:-1])
  assert case_folder.finished(folder, {}) is None
  (folder / name).unlink()
  assert case_folder.finished(folder, {}) is None


def test_a_killed_write_leaves_the_case_as_it_was(tmp_path, monkeypatch):
  folder = written(tmp_path / "case", {"spacing": 1})

  def killed(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(case_folder.np, "save", killed)
  with pytest.raises(KeyboardInterrupt):
    written(folder, {"spacing": 2})
  assert case_folder.finished(folder, {"spacing": 1}) is not None


def test_ignore_is_counted_nowhere():
  counts = case_folder.voxel_counts(np.array([[[0, 0, 2, 255]]], np.uint8), ("background", "liver", "spleen"))
  assert counts == {"background": 2, "liver": 0, "spleen": 1}
