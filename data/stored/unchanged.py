"""Whether the arrays of a store are still those that were verified."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable

from data.stored.store import StoredCase


class Unchanged:
  """Remembers inode, size and time of the cases' arrays, which a look compares in microseconds; hashes would
  take as long as reading the store."""

  def __init__(self, cases: Iterable[StoredCase]):
    """Call it before the arrays are verified or read.

    Raises:
      OSError: If one is missing.
    """
    files = (case.folder / f"{name}.npy" for case in cases for name in ("image", "label"))
    self._seen = {file: _looks(file) for file in files}

  def first_change(self) -> str:
    """The first array that is another now and what happened to it, "<file>: is gone" or "<file>: was
    written to"; "" if there is none."""
    for file, looks in self._seen.items():
      try:
        if _looks(file) != looks:
          return f"{file}: was written to"
      except OSError:
        return f"{file}: is gone"
    return ""


def _looks(file: pathlib.Path) -> tuple[int, int, int]:
  found = os.stat(file)
  return found.st_ino, found.st_size, found.st_mtime_ns
