"""All guards of a case, and which of their findings refuse it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from data.guards.density import check_density
from data.guards.finding import GUARDS, Finding
from data.guards.measures import Measures
from data.guards.posture import check_posture
from data.guards.sides import check_sides
from data.guards.volumes import check_empty, check_volumes
from data.input_error import InputError


def check_case(
  measures: Measures, may_be_empty: bool = False, separate_slices: bool = False
) -> list[Finding]:
  """What all guards find, the severe first.

  Args:
    may_be_empty: no annotated organ need have a voxel; a whole folder of masks may be empty outside of the
      field of view, a label map is not.
    separate_slices: the slices are no neighbours; volumes, and what lies above what, then mean nothing.
  """
  if separate_slices and measures.body:
    measures = dataclasses.replace(measures, body=dataclasses.replace(measures.body, lung_mm=None))
  found = [
    *check_sides(measures),
    *check_posture(measures),
    *([] if separate_slices else check_volumes(measures)),
    *check_density(measures),
    *([] if may_be_empty else check_empty(measures)),
  ]
  return sorted(found, key=lambda finding: not finding.severe)


@dataclasses.dataclass(frozen=True)
class GuardRules:
  """Which findings refuse a case; the others are told.

  Attributes:
    refuse: severe findings refuse, for data sets whose labels are known to be good.
    everywhere: names of GUARDS that may not refuse.
    of_cases: (name, case id) of those that may not refuse one case.
  """

  refuse: bool = False
  everywhere: frozenset[str] = frozenset()
  of_cases: frozenset[tuple[str, str]] = frozenset()

  def override(self, guard: str, case_id: str) -> bool:
    """Whether the guard may not refuse this case."""
    return guard in self.everywhere or (guard, case_id) in self.of_cases


# Where a header is not believed another reading takes its place: that is asked for by name.
_ALL = tuple(name for name in GUARDS if name != "grid")
TELL_ALL = GuardRules()
"""Nothing is refused."""


def parse_rules(values: Sequence[str], refuse: bool) -> GuardRules:
  """Reads the list of --override_guards: `all` (but `grid`), names, and NAME:ID for one case.

  Args:
    refuse: whether severe findings refuse at all.
  Raises:
    InputError: If a name is no guard's.
  """
  everywhere: set[str] = set()
  of_cases: set[tuple[str, str]] = set()
  for value in values:
    name, colon, case_id = value.strip().partition(":")
    names = _ALL if name == "all" else (name,)
    if (name != "all" and name not in GUARDS) or (colon and not case_id):
      raise InputError(
        f"--override_guards={','.join(values)}: {value!r} is no guard; they are {', '.join(GUARDS)}, or all, "
        "with :ID of a case after it for that case alone."
      )
    if colon:
      of_cases |= {(one, case_id) for one in names}
    else:
      everywhere |= set(names)
  return GuardRules(refuse, frozenset(everywhere), frozenset(of_cases))


def require_plausible(case_id: str, where: str, findings: Iterable[Finding], rules: GuardRules) -> None:
  """Raises InputError at the first severe finding that is not overridden.

  Args:
    where: the case's file, for the message.
  """
  for finding in findings:
    if rules.refuse and finding.severe and not rules.override(finding.guard, case_id):
      line = finding.line if finding.line.endswith("?") else f"{finding.line}."
      raise InputError(
        f"{where}: {line} Look at it; if it is right, --override_guards={finding.guard}:{case_id}, else "
        f"--leave_out={case_id}."
      )
