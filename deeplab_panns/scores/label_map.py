"""Which organ each value of a label map stands for: another program's numbers, or 1, 2, ... in the order of a
list."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from data.input_error import InputError
from data.listed import listed

IGNORE_NAME = "ignore"


def default_map(organs: Iterable[str]) -> dict[int, str]:
  """{1: first organ, 2: second, ...}."""
  return dict(enumerate(organs, start=1))


def parse(words: Sequence[str], organs: Sequence[str], flag: str) -> dict[int, str]:
  """Reads the value of a flag that gives label values their organs.

  Args:
    words: the path of a JSON file {"5": "liver", ...} alone, or words like 5=liver. Several values may name
      one organ.
    organs: the names allowed; of references also IGNORE_NAME, for what counts nowhere.
    flag: its name, for the error.
  Returns:
    {value: organ}.
  Raises:
    InputError: If the file cannot be read, a value is no whole number, is 0 or names two organs, or an organ
      is not allowed.
  """
  if len(words) == 1 and "=" not in words[0]:
    source, pairs = words[0], _read(words[0], flag)
  else:
    source = f"--{flag}={','.join(words)}"
    pairs = [(value, organ) for value, _, organ in (word.partition("=") for word in words)]
  found: dict[int, str] = {}
  for value, organ in pairs:
    if not re.fullmatch(r"-?[0-9]+", str(value).strip()):
      raise InputError(
        f'{source}: found the value {value!r}; values are whole numbers, as in 5=liver or {{"5": "liver"}}.'
      )
    if int(value) == 0:
      raise InputError(f"{source}: gives 0 to {organ!r}; 0 is background, and every other value is too.")
    if organ == IGNORE_NAME and flag == "reference_label_map":
      found[int(value)] = organ
      continue
    if organ not in organs:
      raise InputError(
        f"{source}: names {organ!r}, which is not among --organs ({listed(organs, 13)}); correct the name, "
        "add it to --organs, or leave the value out (it then counts as background)."
      )
    if found.setdefault(int(value), organ) != organ:
      raise InputError(
        f"{source}: gives the value {int(value)} to {found[int(value)]!r} and to {organ!r}; name each value "
        "once."
      )
  return found


def _read(path: str, flag: str) -> list[tuple[str, Any]]:
  try:
    # Editors on Windows put a byte order mark first. Objects as pairs: of two equal keys JSON itself would
    # take the last without a word.
    with open(path, encoding="utf-8-sig") as file:
      content = json.load(file, object_pairs_hook=tuple)
  except (OSError, ValueError) as error:
    raise InputError(
      f'{path}: cannot be read as JSON ({error}); --{flag} takes a file like {{"5": "liver"}}, or the pairs '
      "themselves: 5=liver,1=spleen."
    ) from None
  if not isinstance(content, tuple):
    raise InputError(
      f'{path}: holds a {type(content).__name__}; --{flag} takes an object like {{"5": "liver"}}.'
    )
  return list(content)
