"""The values of a label map's file as organs: another program's numbers, or 1, 2, ... in the order of a
list."""

from __future__ import annotations

import json
import re

import numpy as np

from data.input_error import InputError


def default_map(organs):
  """{1: first organ, 2: second, ...}."""
  return dict(enumerate(organs, start=1))


def parse(words, organs, flag):
  """What a flag says of label values.

  Args:
    words: the flag's list: one JSON file {"5": "liver", ...}, or words like 5=liver. Several values may name
      one organ.
    organs: the names allowed.
    flag: its name, for the error.
  Returns:
    {value: organ}.
  Raises:
    InputError: If the file cannot be read, or a value or an organ is not one.
  """
  source = f"--{flag}={','.join(words)}"
  if len(words) == 1 and "=" not in words[0]:
    source, pairs = words[0], _read(words[0], flag)
  else:
    pairs = [word.partition("=")[::2] for word in words]
  found: dict = {}
  for value, organ in pairs:
    if not re.fullmatch(r"-?[0-9]+", str(value).strip()):
      raise InputError(
        f'{source}: found the value {value!r}; values are whole numbers, as in 5=liver or {{"5": "liver"}}.'
      )
    if organ not in organs:
      raise InputError(
        f"{source}: names {organ!r}, which is not among --organs ({', '.join(organs)}); correct "
        "the name, "
        "add it to --organs, or leave the value out (it then counts as background)."
      )
    if found.setdefault(int(value), organ) != organ:
      raise InputError(
        f"{source}: gives the value {int(value)} to {found[int(value)]!r} and to {organ!r}; name each value "
        "once."
      )
  return found


def _read(path, flag):
  try:
    with open(path, encoding="utf-8") as file:
      content = json.load(file)
  except (OSError, ValueError) as error:
    raise InputError(
      f'{path}: cannot be read as JSON ({error}); --{flag} takes a file like {{"5": "liver"}}, or '
      "the pairs themselves: 5=liver,1=spleen."
    ) from None
  if not isinstance(content, dict):
    raise InputError(
      f'{path}: holds a {type(content).__name__}; --{flag} takes an object like {{"5": "liver"}}.'
    )
  return list(content.items())


def translate(labels, values, organs):
  """Label values as places in a list.

  Args:
    labels: integers of any shape.
    values: {value: organ}.
    organs: what to keep; their places, from 1, are the result's values.
  Returns:
    uint8 of the same shape; 0 where the value is not named or its organ not in `organs`.
  """
  kept = {value: 1 + list(organs).index(organ) for value, organ in sorted(values.items()) if organ in organs}
  if not kept:
    return np.zeros(labels.shape, np.uint8)
  if labels.dtype == np.uint8:  # as nearly all label maps are
    table = np.zeros(256, np.uint8)
    for value, place in kept.items():
      if 0 <= value < 256:
        table[value] = place
    return table[labels]
  keys, places = np.array(list(kept)), np.array(list(kept.values()), np.uint8)
  nearest = np.minimum(np.searchsorted(keys, labels), len(keys) - 1)
  return np.where(keys[nearest] == labels, places[nearest], np.uint8(0))
