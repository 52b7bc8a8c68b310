"""Whatever a folder is called, its files are found under a plain name."""

import pytest

from data.files.plain_path import plain_path


@pytest.mark.parametrize("name", ["fold[0]", "r*n", "what?", "a\\b"])
def test_a_name_that_is_a_pattern_gets_another(tmp_path, name):
  folder = tmp_path / name
  folder.mkdir()
  (folder / "a").write_text("content")
  with plain_path(folder) as path:
    assert not set("[]*?\\") & set(str(path))
    assert (path / "a").read_text() == "content"
    (path / "b").touch()
  assert (folder / "b").exists() and not path.exists()


def test_a_plain_name_stays(tmp_path):
  with plain_path(tmp_path) as path:
    assert path == tmp_path
