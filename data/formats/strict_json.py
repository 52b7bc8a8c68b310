"""JSON in which no key stands twice: Python would take the last of two without a word."""

from __future__ import annotations

import json
from typing import Any


class KeyTwice(ValueError):
  """The key, and in which case of a list."""


def parse(text: str) -> Any:
  """What a JSON text holds. Raises ValueError if it is no JSON, or KeyTwice."""
  return json.loads(text, object_pairs_hook=_each_key_once)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  found = dict(pairs)
  keys = [key for key, _ in pairs]
  twice = [key for key in found if keys.count(key) > 1]
  if twice:
    where = f' in case "{found["id"]}"' if "id" in found else ""
    raise KeyTwice(f'the key "{twice[0]}" stands twice{where}')
  return found
