"""One error for a file of an evaluation that cannot be read."""

from __future__ import annotations

import contextlib
import csv
import zipfile
from collections.abc import Iterator

from data.input_error import InputError
from data.whole_file import AnyPath

_DAMAGE = (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, csv.Error, zipfile.BadZipFile)


@contextlib.contextmanager
def named_if_damaged(path: AnyPath, content: str) -> Iterator[None]:
  """Turns what goes wrong while the file is read into an InputError that names it.

  Args:
    content: what the file should hold, for the error.
  Raises:
    InputError: If the block raises an error that a missing, truncated or edited file can cause. An InputError
      of the block itself comes through as it is.
  """
  try:
    yield
  except InputError:  # says it already
    raise
  except _DAMAGE as error:
    raise InputError(
      f"{path}: cannot be read as {content} ({error}). Write it anew with python -m deeplab_panns.evaluate."
    ) from error
