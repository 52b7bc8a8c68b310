"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Union

AnyPath = Union[str, "os.PathLike[str]"]


@contextlib.contextmanager
def whole(path: AnyPath) -> Iterator[pathlib.Path]:
  """Gives another name in the same folder to write to, and renames what was written there to `path`.

  What was written may be a file or a folder; either replaces what `path` was. If the block raises, `path`
  stays as it was. The name does not end as `path` does: the leftover of a killed process is no result.
  """
  path = pathlib.Path(path)
  unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  _remove(unfinished)
  try:
    yield unfinished
    if unfinished.is_dir():
      _remove(path)
    os.replace(unfinished, path)
  finally:
    _remove(unfinished)


def _remove(path: pathlib.Path) -> None:
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)


def write_bytes(path: AnyPath, content: bytes) -> None:
  """Writes bytes under another name in the same folder, then renames it to `path`."""
  with whole(path) as unfinished:
    unfinished.write_bytes(content)


def write_text(path: AnyPath, text: str) -> None:
  """As `write_bytes`, UTF-8."""
  write_bytes(path, text.encode("utf-8"))
