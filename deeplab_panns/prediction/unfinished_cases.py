"""Where the files of a case lie until all of them are written: beside those that they then replace."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import socket
from collections.abc import Iterator


class UnfinishedCases:
  """A hidden folder in the output folder, of this process alone, with a folder of each case in hand.

  What processes of this host left there that are no more is deleted.

  Args:
    output_dir: of the prediction; other processes and other hosts may write to it as well.
  """

  def __init__(self, output_dir: pathlib.Path) -> None:
    host = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    prefix = f".unfinished.{host}."
    self._folder = output_dir / f"{prefix}{os.getpid()}"
    for leftover in output_dir.glob(f"{prefix}*"):
      _remove_if_left(leftover, leftover.name[len(prefix) :])

  @contextlib.contextmanager
  def folder_of(self, case: str) -> Iterator[pathlib.Path]:
    """An empty folder for the case's files, deleted with what is still in it."""
    folder = self._folder / case
    try:
      folder.mkdir(parents=True)
      yield folder
    finally:
      shutil.rmtree(folder, ignore_errors=True)

  def close(self) -> None:
    """Deletes the folder of the process, which is empty by now."""
    with contextlib.suppress(OSError):  # there is none, or another thread has a case in hand
      self._folder.rmdir()


def _remove_if_left(folder: pathlib.Path, process: str) -> None:
  try:
    os.kill(int(process), 0)
  except (ProcessLookupError, ValueError):
    shutil.rmtree(folder, ignore_errors=True)
  except OSError:
    return  # another user's, who is at work
