"""A file is whole or not there."""

import pytest

from data.whole_file import write_text


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
