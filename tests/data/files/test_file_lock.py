"""A second holder is told, and a later one is let in."""

import pytest

from data.files.file_lock import locked
from data.input_error import InputError


def test_a_second_holder_gets_the_error(tmp_path):
  path = tmp_path / "folder" / "lock"
  with locked(path, "busy"), pytest.raises(InputError, match="busy"), locked(path, "busy"):
    pass


def test_the_lock_is_free_after_the_block_even_if_it_raised(tmp_path):
  path = tmp_path / "lock"
  with pytest.raises(KeyError), locked(path, "busy"):
    raise KeyError
  with locked(path, "busy"):
    pass


def test_what_the_file_held_stays(tmp_path):
  path = tmp_path / "lock"
  path.write_text("kept")
  with locked(path):
    pass
  assert path.read_text() == "kept"
