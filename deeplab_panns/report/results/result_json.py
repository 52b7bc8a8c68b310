"""JSON files of runs and evaluations, which may be damaged or come from another program."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Collection, Mapping
from typing import Any, Union

from data.input_error import InputError

Kinds = Mapping[str, Union[type, tuple[type, ...]]]
"""{key: type of its value}. That of a list's or an object's values is str."""

METRICS: Kinds = {
  "label_organs": list,
  "mean_dice": (int, float, type(None)),
  "excluded": int,
  "missed": int,
  "references": dict,
  "first_of_patient": dict,
  "run_dirs": list,
  "split": str,
  "seen_in_training": (list, type(None)),
}
IN_EVERY_METRICS = ("label_organs", "mean_dice", "excluded", "missed")
SETTINGS: Kinds = {"network": str, "supervision": str, "partial_organs": list, "seed": int, "fold": int}
DATA: Kinds = {"data_dir": str, "fingerprint": str}


def read_json(path: pathlib.Path, kinds: Kinds, required: Collection[str] = ()) -> dict[str, Any]:
  """Reads an object.

  Args:
    kinds: of the keys that are checked where they are there.
    required: keys that must be there.
  Raises:
    InputError: If the file is no such object.
  """
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
      raise ValueError(f"it holds a {type(content).__name__}")
    missing = [key for key in required if key not in content]
    if missing:
      raise ValueError(f"it has no {missing[0]!r}")
    for key, kind in kinds.items():
      if key in content and not _is(content[key], kind):
        raise ValueError(f"its {key!r} is {str(content[key])[:40]!r}")
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(
      f"{path}: cannot be read as what train and evaluate write ({error}); evaluate again, or take the run "
      "out of --run_dirs."
    ) from error
  return content


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
  if isinstance(value, bool) or not isinstance(value, kind):
    return False
  members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
  return all(isinstance(member, str) for member in members)
