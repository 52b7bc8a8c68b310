"""Checks of settings: a choice, and a number in its range. Each error begins with "<setting>=<value>: "."""

from __future__ import annotations

import math
from collections.abc import Collection


def require_choice(name: str, value: object, choices: Collection[object]) -> None:
  """Raises ValueError if `value` is none of `choices`, which are named."""
  if value not in choices:
    raise ValueError(f"{name}={value}: must be one of {', '.join(map(str, choices))}")


def require_range(name: str, value: float, least: float, most: float = math.inf) -> None:
  """Raises ValueError if `value` is not in [least, most], or is no number."""
  if not least <= value <= most:
    limits = f"at least {least:g}" if most == math.inf else f"in [{least:g}, {most:.10g}]"
    raise ValueError(f"{name}={value}: must be {limits}")
