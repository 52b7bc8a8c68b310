"""A file is whole or not there."""

import pytest

from data.whole_file import whole, write_text


def test_replaces_and_leaves_nothing_beside(tmp_path):
  for text in ("one", "zwölf"):
    write_text(tmp_path / "a.json", text)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text


def test_a_failure_keeps_the_old_content(tmp_path):
  write_text(tmp_path / "a.json", "old")
  with pytest.raises(UnicodeEncodeError):
    write_text(tmp_path / "a.json", "\ud800")
  assert [file.name for file in tmp_path.iterdir()] == ["a.json"] and (
    tmp_path / "a.json"
  ).read_text() == "old"


def test_a_folder_replaces_a_folder(tmp_path):
  old = tmp_path / "model"
  old.mkdir()
  (old / "stale").touch()
  with whole(old) as unfinished:
    unfinished.mkdir()
    (unfinished / "fresh").touch()
  assert [file.name for file in old.iterdir()] == ["fresh"] and len(list(tmp_path.iterdir())) == 1


def test_what_was_there_stays_if_the_block_raises(tmp_path):
  path = tmp_path / "a.txt"
  path.write_text("old")
  with pytest.raises(KeyError), whole(path) as unfinished:
    unfinished.write_text("half")
    raise KeyError
  assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
