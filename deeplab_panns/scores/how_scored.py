"""How networks were applied and their labels mended when they were scored, as metrics.json tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deeplab_panns.postprocessing.mending import Mending
from deeplab_panns.segmentation.application import Application

KEY = "test_time"  # in metrics.json; missing in evaluations of label files and of versions before it


def record(how: Application, mending: Mending) -> dict[str, Any]:
  """What metrics.json has under KEY."""
  return {**how.record, **mending.record}


def how_scored(summary: Mapping[str, Any]) -> dict[str, Any]:
  """The record of an evaluation, given the content of its metrics.json; what is not told is as by default."""
  found = summary.get(KEY)
  return {**record(Application(), Mending()), **(found if isinstance(found, dict) else {})}


def is_plain(summary: Mapping[str, Any]) -> bool:
  """Whether an evaluation applied the network as training validates it, and mended nothing."""
  return how_scored(summary) == record(Application(), Mending())


def words(summary: Mapping[str, Any]) -> str:
  """What differs from the defaults, as flags; empty if nothing does."""
  plain = record(Application(), Mending())
  return " ".join(
    _flag(name, value) for name, value in how_scored(summary).items() if value != plain.get(name)
  )


def _flag(name: str, value: Any) -> str:
  if isinstance(value, bool):
    return f"--{name}"
  if isinstance(value, list):
    return f"--{name}={','.join(f'{one:g}' for one in value)}"
  return f"--{name}={value:g}"
