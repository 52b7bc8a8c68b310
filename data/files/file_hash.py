"""The hash of a file or a folder."""

from __future__ import annotations

import hashlib
import pathlib
from typing import IO

from data.whole_file import AnyPath


def file_sha256(path: AnyPath) -> str:
  """sha256 of a file's bytes, or of a folder's sorted file names and bytes."""
  digest = hashlib.sha256()
  path = pathlib.Path(path)
  files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
  for file in files:
    if path.is_dir():
      digest.update(str(file.relative_to(path)).encode())
    with open(file, "rb") as stream:
      _add(digest, stream)
  return digest.hexdigest()


def stream_sha256(stream: IO[bytes]) -> str:
  """sha256 of what is left to read of a stream."""
  digest = hashlib.sha256()
  _add(digest, stream)
  return digest.hexdigest()


def _add(digest: hashlib._Hash, stream: IO[bytes]) -> None:
  for block in iter(lambda: stream.read(1 << 20), b""):
    digest.update(block)
