"""Files that are there whole or not at all."""

import os
import pathlib


def write_bytes(path, content):
  """Writes bytes under another name in the same folder, then renames it to `path`."""
  path = pathlib.Path(path)
  unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  try:
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
  finally:
    unfinished.unlink(missing_ok=True)


def write_text(path, text):
  """As `write_bytes`, UTF-8."""
  write_bytes(path, text.encode("utf-8"))
