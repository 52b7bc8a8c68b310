"""The file itself: JSON, each key once and none misspelt."""

from __future__ import annotations

import difflib
import json
import pathlib
from typing import Any

from data.formats import strict_json
from data.input_error import InputError

# What people write beside the data for people, and no program has to heed.
_REMARKS = frozenset(
  {
    "name",
    "description",
    "reference",
    "licence",
    "license",
    "release",
    "source",
    "comment",
    "notes",
    "version",
  }
)


def read_object(path: pathlib.Path) -> dict[str, Any]:
  """The object that a JSON file holds. Raises InputError if it is no JSON, no object, or has a key twice."""
  try:
    # Editors on Windows put a byte order mark first.
    content = strict_json.parse(path.read_text(encoding="utf-8-sig"))
  except FileNotFoundError:
    raise InputError(
      f"{path}: no such file; --manifest names a dataset.json (README, 'Your own CT')."
    ) from None
  except IsADirectoryError:
    raise InputError(f"{path}: is a folder; --manifest names the dataset.json in it.") from None
  except strict_json.KeyTwice as error:
    raise InputError(f"{path}: {error}; a key stands once: correct it there.") from None
  except OSError as error:
    raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None
  except (ValueError, RecursionError) as error:
    raise InputError(f"{path}: is not JSON ({error}); correct it there.") from None
  if not isinstance(content, dict):
    raise InputError(f'{path}: holds {show(content)}; it must be an object with "organs" and "cases".')
  return content


def unused_keys(where: str, found: dict[str, Any], known: tuple[str, ...]) -> list[str]:
  """The keys that are neither known nor remarks. Raises InputError if one looks like a misspelt key."""
  unused = [key for key in found if key not in known and key.lower() not in _REMARKS]
  for key in unused:
    # Much is said of patients: patient_sex is no misspelt "patient".
    likely = [name for name in known if name != "patient"]
    meant = difflib.get_close_matches(key.lower(), likely, n=1, cutoff=0.75)
    if meant and meant[0] not in found:
      raise InputError(
        f'{where}: has the key "{key}", which is not known; is "{meant[0]}" meant? Correct it there.'
      )
  return unused


def show(value: Any) -> str:
  """A value of the file as a message quotes it: JSON of at most 60 characters."""
  text = json.dumps(value)
  return text if len(text) <= 60 else text[:57] + "..."
