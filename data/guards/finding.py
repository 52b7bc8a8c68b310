"""What a guard finds in a case."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

PLAUSIBILITY = ("side", "posture", "volume", "hu", "mask", "empty")
"""Guards of a single case, in the order in which they are asked."""
GUARDS = (*PLAUSIBILITY, "ct", "duplicate", "grid")
"""All that --override_guards can name; `ct` is data/reading/plausible_ct.py, `duplicate`
data/stored/findings.py, and `grid` data/reading/volumes.py."""


@dataclasses.dataclass(frozen=True)
class Finding:
  """One thing that does not look right.

  Attributes:
    guard: one of PLAUSIBILITY.
    severe: a case of a data set whose labels are known to be good cannot look so: something went wrong on the
      way. Others are only unusual.
    line: what was found and what is expected, without the case's name.
  """

  guard: str
  severe: bool
  line: str

  def as_json(self) -> dict[str, Any]:
    return dataclasses.asdict(self)


def from_json(content: Mapping[str, Any]) -> Finding:
  """The inverse of `as_json`."""
  return Finding(content["guard"], content["severe"], content["line"])
