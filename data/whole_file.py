"""Files that are there whole or not at all."""
import os
import pathlib


def write_text(path, text):
  """Writes UTF-8 text under another name in the same folder, then renames it to `path`."""
  path = pathlib.Path(path)
  unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  try:
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
  finally:
    unfinished.unlink(missing_ok=True)
