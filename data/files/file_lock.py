"""A lock on a file that lasts as long as a block; the system lets go of it however the process ends."""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from data.input_error import InputError


@contextlib.contextmanager
def locked(path: pathlib.Path, if_held: str | None = None) -> Iterator[None]:
  """Holds the lock on a file, which is made with its folder where it is missing.

  Args:
    if_held: the error if another process holds it; None waits until that one lets go.
  Raises:
    InputError: `if_held`.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, "a", encoding="utf-8") as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if if_held else 0))
    except BlockingIOError:
      raise InputError(str(if_held)) from None
    yield
