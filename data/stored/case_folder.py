"""The folder of one stored case: image.npy, label.npy, case.json, and a picture for people.

A folder is used again only if it is whole and was made by the recipe asked for; otherwise it is made anew.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data.arrays import Labels, StoredImage
from data.files.file_hash import file_sha256
from data.guards.voxel_sketch import read_sketch
from data.overview.page import THUMBNAIL
from data.value_counts import value_counts
from data.whole_file import whole

Entry = dict[str, Any]
"""What the store's index says of a case, as JSON."""
Recipe = dict[str, Any]
"""All that decides the arrays' content, as JSON."""


def finished(folder: pathlib.Path, recipe: Recipe) -> Entry | None:
  """The entry of a folder that `write` made by this recipe.

  None if there is no such folder, it was made by another recipe, or a file was damaged since.
  """
  try:
    content = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    entry: Entry = content["entry"]
    made_by, hashes = content["recipe"], [entry["sha256"][name] for name in ("image", "label")]
    read_sketch(entry.get("sketch", ""))
  except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
    return None
  files = [folder / f"{name}.npy" for name in ("image", "label")]
  unchanged = all(file.is_file() and file_sha256(file) == found for file, found in zip(files, hashes))
  return entry if unchanged and made_by == recipe else None


def write(
  folder: pathlib.Path,
  arrays: Mapping[str, StoredImage | Labels],
  entry: Entry,
  recipe: Recipe,
  thumbnail: bytes = b"",
) -> None:
  """Writes a case's folder whole or not at all, in place of an older one.

  Args:
    arrays: {"image": uint8 [z, y, x], "label": uint8 [z, y, x]}.
    entry: gets the arrays' hashes, in its "sha256".
    thumbnail: a JPEG file.
  Raises:
    OSError: With the folder's name, if the disk is full or cannot be written to.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  _remove_leftovers(folder)
  with _named_errors(folder), whole(folder) as unfinished:
    unfinished.mkdir()
    if thumbnail:
      (unfinished / THUMBNAIL).write_bytes(thumbnail)
    for name, array in arrays.items():
      np.save(unfinished / f"{name}.npy", array)
      entry["sha256"][name] = file_sha256(unfinished / f"{name}.npy")
    (unfinished / "case.json").write_text(
      json.dumps({"entry": entry, "recipe": recipe}, indent=1), encoding="utf-8"
    )


def _remove_leftovers(folder: pathlib.Path) -> None:
  """What killed processes left of this case; a case is prepared by one process at a time."""
  leftover = re.compile(rf"\.{re.escape(folder.name)}\.\d+\.tmp")
  for path in folder.parent.iterdir():
    if leftover.fullmatch(path.name):
      shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _named_errors(folder: pathlib.Path) -> Iterator[None]:
  """Errors of the system say where; NumPy tells of a full disk how many items it wrote, and not why."""
  try:
    yield
  except OSError as error:
    number = error.errno or errno.ENOSPC
    raise OSError(number, os.strerror(number), str(folder)) from error


def voxel_counts(label: Labels, classes: Sequence[str]) -> dict[str, int]:
  """Voxels of each class in a label map; `classes` are "background" and the organs, in the order of their
  values. Voxels to ignore count nowhere."""
  counts = value_counts(label)
  return {name: int(counts[value]) for value, name in enumerate(classes)}
