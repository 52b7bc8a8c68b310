"""Lists in messages, cut where they grow long."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[object], at_most: int = 3) -> str:
  """The names, of many the first `at_most`: "liver, spleen and 3 more"."""
  words = [str(name) for name in names]
  shown = ", ".join(words[:at_most])
  return shown if len(words) <= at_most else f"{shown} and {len(words) - at_most} more"
