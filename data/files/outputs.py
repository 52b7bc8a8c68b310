"""What a command writes: never over an input, and over nothing that it did not write itself."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Collection, Iterable, Iterator

from data.files.file_hash import file_sha256
from data.files.file_lock import locked
from data.input_error import InputError
from data.whole_file import AnyPath, write_text

# Beside the outputs: {name relative to the folder: sha256 as written}.
RECORD = ".written_by_panns.json"
_BEGUN = "begun"  # in place of a hash: who finds the file knows that it was being written
LOCK = ".written_by_panns.lock"  # in a folder that processes share


class Outputs:
  """The files of a command in its output folder.

  A record beside them remembers what was written, by its hash: such a file may be replaced when the command
  runs again. Any other that exists needs `overwrite`, and an input is never replaced.
  """

  def __init__(
    self, folder: AnyPath, inputs: Iterable[AnyPath] = (), overwrite: bool = False, shared: bool = False
  ):
    """Makes the folder, if it is missing.

    Args:
      inputs: files that are read, and folders of which every file is.
      shared: other processes write there at the same time, each files of its own and all of them the record.
    Raises:
      InputError: If the folder cannot be made or written to.
    """
    self.folder = pathlib.Path(folder)
    read = {os.path.realpath(path) for path in inputs}  # not resolve(), which links in a circle break
    self._input_folders = {path for path in read if os.path.isdir(path)}
    self._input_files = read - self._input_folders
    self._overwrite = overwrite
    self._shared = shared
    self._held = False
    make_folder(self.folder)

  @contextlib.contextmanager
  def alone(self) -> Iterator[None]:
    """What is read and written in the block stays as it is until the end: others that share the folder wait.

    For one thread of a process; a block may stand in another.
    """
    if not self._shared or self._held:
      yield
      return
    with locked(self.folder / LOCK):
      self._held = True
      try:
        yield
      finally:
        self._held = False

  def require_free(self, names: Iterable[str]) -> None:
    """Call it with all names before anything is computed.

    Args:
      names: relative to the folder.
    Raises:
      InputError: If one exists and is an input, or was not written by this project and `overwrite` is not
        given.
    """
    with self.alone():
      self._require_free(names)

  def _require_free(self, names: Iterable[str]) -> None:
    written = self._record()
    for name in names:
      path = self.folder / name
      if not os.path.lexists(path):
        continue
      if self._is_input(path):
        raise InputError(f"{path}: is an input and would be replaced by an output; choose another place.")
      own = path.is_file() and written.get(name) in (_BEGUN, file_sha256(path))
      if not self._overwrite and not own:
        raise InputError(
          f"{path}: exists, and was not written by this command or has changed since; give --overwrite to "
          "replace it, or choose another place."
        )

  def unchanged(self, names: Iterable[str]) -> bool:
    """Whether all of them are there as they were written."""
    written = self._record()
    return all(
      (self.folder / name).is_file() and written.get(name) == file_sha256(self.folder / name)
      for name in names
    )

  def take_over(self, unfinished: pathlib.Path, names: Collection[str]) -> None:
    """Moves whole files to their places, and records them.

    Args:
      unfinished: a folder on the same disk that holds them by the same names; they replace what is there.
      names: relative to the folder. What an interruption leaves of them may be replaced.
    """
    with self.alone():
      begun = dict.fromkeys(names, _BEGUN)
      write_text(self.folder / RECORD, json.dumps({**self._record(), **begun}, indent=1))
      for name in names:
        (self.folder / name).parent.mkdir(exist_ok=True)
        os.replace(unfinished / name, self.folder / name)
    self.wrote(names)

  def remove(self, names: Iterable[str]) -> None:
    """Deletes those of the files that are there as they were written; of folders what is then empty."""
    written = self._record()
    for name in names:
      path = self.folder / name
      if not path.is_file() or written.get(name) != file_sha256(path):
        continue
      path.unlink()
      if path.parent != self.folder and not any(path.parent.iterdir()):
        path.parent.rmdir()

  def wrote(self, names: Iterable[str]) -> None:
    """Records files that are whole; another run may replace them."""
    with self.alone():
      files = {name: file_sha256(self.folder / name) for name in names}
      write_text(self.folder / RECORD, json.dumps({**self._record(), **files}, indent=1))

  def adopt(self, names: Iterable[str]) -> None:
    """Takes files that an earlier version wrote, which kept no record, for its own.

    What is recorded stays as it is: a file that was edited since is not taken back.
    """
    written = self._record()
    unrecorded = [name for name in names if name not in written and (self.folder / name).is_file()]
    if unrecorded:
      self.wrote(unrecorded)

  def _record(self) -> dict[str, str]:
    try:
      content = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
      return {}
    return content if isinstance(content, dict) else {}

  def _is_input(self, path: pathlib.Path) -> bool:
    found = os.path.realpath(path)
    return found in self._input_files or any(
      str(folder) in self._input_folders for folder in (found, *pathlib.Path(found).parents)
    )


def make_folder(folder: AnyPath) -> None:
  """Makes a folder to write to. Raises InputError if that cannot be, or files in it cannot be made."""
  folder = pathlib.Path(folder)
  probe = folder / f".{os.getpid()}.tmp"
  try:
    folder.mkdir(parents=True, exist_ok=True)
    probe.touch()
    probe.unlink(missing_ok=True)  # of a job array on other hosts one may have the same number
  except OSError as error:
    raise InputError(
      f"{folder}: cannot be written to ({error.strerror or error}); name a folder on a disk that can be "
      "written, where no file is in the way."
    ) from None
