"""A folder under a name that no library takes for a pattern."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

_PATTERN = frozenset("[]*?\\")


@contextlib.contextmanager
def plain_path(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """The folder itself, or a link to it if its path has characters of patterns.

  TensorFlow looks for the parts of a checkpoint by a pattern, and finds nothing in `fold[0]`.
  """
  if not _PATTERN & set(str(folder.absolute())):
    yield folder
    return
  with tempfile.TemporaryDirectory() as temporary:
    link = pathlib.Path(temporary) / "folder"
    link.symlink_to(folder.absolute(), target_is_directory=True)
    yield link
