"""One case's folder, image.npy, label.npy and case.json: there whole and made by the recipe asked for, or
made anew."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np

from data.stored.store import file_sha256


def finished(folder, recipe):
  """The entry of a folder that `write` made by this recipe, or None if there is none or an array was damaged
  since."""
  try:
    content = json.loads((folder / "case.json").read_text(encoding="utf-8"))
  except (FileNotFoundError, json.JSONDecodeError):
    return None
  entry = content["entry"]
  whole = all(
    (folder / f"{name}.npy").is_file() and file_sha256(folder / f"{name}.npy") == entry["sha256"][name]
    for name in ("image", "label")
  )
  return entry if whole and content["recipe"] == recipe else None


def write(folder, arrays, entry, recipe):
  """Writes into a folder of another name first: a killed run leaves no half case under the final one.

  Args:
    arrays: {"image": uint8 [z, y, x], "label": uint8 [z, y, x]}.
    entry: what the index says of the case; "sha256" in it gets the arrays' hashes.
    recipe: all that decides the arrays' content, as JSON.
  """
  temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
  shutil.rmtree(temporary, ignore_errors=True)
  temporary.mkdir(parents=True)
  for name, array in arrays.items():
    np.save(temporary / f"{name}.npy", array)
    entry["sha256"][name] = file_sha256(temporary / f"{name}.npy")
  (temporary / "case.json").write_text(
    json.dumps({"entry": entry, "recipe": recipe}, indent=1), encoding="utf-8"
  )
  shutil.rmtree(folder, ignore_errors=True)
  os.replace(temporary, folder)


def voxel_counts(label, classes):
  """{class: voxels} of a label map; `classes` are "background" and the organs, in the order of their
  values."""
  counts = np.bincount(label.ravel(), minlength=len(classes))
  return {name: int(counts[value]) for value, name in enumerate(classes)}
