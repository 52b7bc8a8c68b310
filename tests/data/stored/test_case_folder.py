"""A case's folder: whole, and by the recipe asked for, or not there."""

import errno
import resource

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


def test_a_full_disk_leaves_no_half_case(tmp_path):
  folder = written(tmp_path / "case", {"spacing": 1})
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  large = {name: np.zeros((20, 30, 40), np.uint8) for name in ARRAYS}
  resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
  try:
    with pytest.raises(OSError):  # which data.command tells in one line
      case_folder.write(folder, large, {"sha256": {}}, {"spacing": 2})
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert case_folder.finished(folder, {"spacing": 1}) is not None
  assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_what_killed_processes_left_of_this_case_is_removed(tmp_path):
  for name in (".case.17.tmp", ".case.b.17.tmp", ".case.tmp"):
    (tmp_path / name).mkdir()
    (tmp_path / name / "image.npy").write_bytes(b"half")
  written(tmp_path / "case", {})
  assert {path.name for path in tmp_path.iterdir()} == {"case", ".case.b.17.tmp", ".case.tmp"}


@pytest.mark.parametrize(
  "error",
  [OSError("183500800 requested and 12345 written"), OSError(errno.ENOSPC, "No space left on device")],
)
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch, error):
  def full(path, _):
    path.write_bytes(b"half")
    raise error

  monkeypatch.setattr(case_folder.np, "save", full)
  with pytest.raises(OSError, match="No space left on device") as raised:
    written(tmp_path / "case", {})
  assert raised.value.errno == errno.ENOSPC and raised.value.filename == str(tmp_path / "case")
  assert not list(tmp_path.iterdir())


def test_the_picture_lies_beside_the_arrays(tmp_path):
  case_folder.write(tmp_path / "case", ARRAYS, {"sha256": {}}, {}, b"jpeg")
  assert (tmp_path / "case" / "thumbnail.jpg").read_bytes() == b"jpeg"
  assert case_folder.finished(tmp_path / "case", {}) is not None


@pytest.mark.parametrize("sketch", ["AAAA", 5, None])
def test_a_case_of_a_damaged_sketch_is_not_finished(tmp_path, sketch):
  recipe = {"organs": ["liver"]}
  case_folder.write(tmp_path / "a", ARRAYS, {"sha256": {}, "sketch": ""}, recipe)
  assert case_folder.finished(tmp_path / "a", recipe)["sketch"] == ""
  case_folder.write(tmp_path / "a", ARRAYS, {"sha256": {}, "sketch": sketch}, recipe)
  assert case_folder.finished(tmp_path / "a", recipe) is None
