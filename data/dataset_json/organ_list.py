"""The organ list of a manifest or a store."""

from __future__ import annotations

import pathlib
import re
import unicodedata
from typing import Any

from data.dataset_json.json_object import read_object, show
from data.input_error import InputError
from data.listed import listed
from data.organs import MOST_CHARACTERS, NO_ORGANS, is_organ_name, plain_name
from data.whole_file import AnyPath


def read_organs(path: AnyPath) -> tuple[str, ...]:
  """The organ list of a dataset.json or of a store. Raises InputError if there is none."""
  path = pathlib.Path(path)
  path = path / "index.json" if path.is_dir() else path
  return checked_organs(path, read_object(path).get("organs"))


def checked_organs(path: AnyPath, organs: Any) -> tuple[str, ...]:
  """The value of "organs". Raises InputError if it is no list of names, or two of them mean one organ."""
  organs = [composed(organ) for organ in organs] if isinstance(organs, list) else organs
  if not isinstance(organs, list) or not organs or not all(map(is_organ_name, organs)):
    raise InputError(
      f'{path}: "organs" is {show(organs)}; it must be a list of at least one organ name, each one line of '
      f"at most {MOST_CHARACTERS} characters."
    )
  twice = sorted({organ for organ in organs if organs.count(organ) > 1})
  if twice:
    raise InputError(f'{path}: "organs" names {listed(twice)} more than once; each organ stands once.')
  alike: dict[str, str] = {}
  for organ in organs:
    # what is no separator of words may tell two apart: tumour+ and tumour-
    key = plain_name(organ) if re.fullmatch(r"[\w\s().-]*[\w\s().]", organ) else organ.lower()
    other = alike.setdefault(key, organ)
    if other != organ:
      raise InputError(
        f'{path}: "organs" names "{other}" and "{organ}", which are two names of one organ; name one of them.'
      )
  none = [organ for organ in organs if organ.casefold() in NO_ORGANS]
  if none:
    raise InputError(
      f'{path}: "organs" names "{none[0]}", which is no organ: background is always class 0, and the list '
      "counts from 1. Leave it out."
    )
  if len(organs) > 254:
    raise InputError(
      f'{path}: "organs" has {len(organs)} names; a label is 8 bits and 255 means ignore: at most 254.'
    )
  return tuple(organs)


def composed(value: Any) -> Any:
  """Text with its accents as one letter each, which some programs write as two that look the same."""
  return unicodedata.normalize("NFC", value) if isinstance(value, str) else value
