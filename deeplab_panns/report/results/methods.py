"""Runs grouped into methods: runs that differ only in seed, fold and validation are one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.arrays import Floats
from data.input_error import InputError
from deeplab_panns.report.results.scored_runs import ScoredRun
from deeplab_panns.scores import how_scored

# What may differ between the runs of one method.
REPEATED = frozenset({"seed", "fold", "validation_fraction"})


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
  """Runs that are one method, under its name."""

  name: str
  runs: tuple[ScoredRun, ...]

  @property
  def seeds(self) -> tuple[int, ...]:
    """Sorted, each once; a run without one (label files) has none."""
    return tuple(sorted({run.seed for run in self.runs if run.seed is not None}))

  @property
  def cases(self) -> tuple[str, ...]:
    """Keys, as in ScoredRun, each once."""
    return tuple(dict.fromkeys(case for run in self.runs for case in run.cases))

  def table(
    self,
    cases: Sequence[str],
    organs: Sequence[str],
    score: str = "dice",
    seed: int | None = None,
    undefined: float = math.nan,
  ) -> Floats:
    """Scores [cases, organs]: the mean over the runs that define one, NaN where none does.

    Args:
      cases: keys; other cases of the runs are left out.
      organs: all that the runs were scored on.
      score: an attribute of OrganScore.
      seed: only runs of this seed; None for all.
      undefined: what a score counts that a run has and that is NaN; NaN: nothing.
    """
    rows = {case: row for row, case in enumerate(cases)}
    columns = {organ: column for column, organ in enumerate(organs)}
    sums, counts = np.zeros((2, len(cases), len(organs)))
    for run in self.runs:
      if seed is not None and run.seed != seed:
        continue
      for case, scores in run.rows:
        value = getattr(scores, score)
        value = undefined if value != value else value
        if value == value and case in rows:
          at = rows[case], columns[scores.organ]
          sums[at] += value
          counts[at] += 1
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def group(runs: Sequence[ScoredRun], names: Sequence[str] | None = None) -> tuple[Method, ...]:
  """Methods in the order of their first runs.

  Args:
    names: one for each run, where runs of one name are one method; None derives them from the runs' settings.
  Raises:
    InputError: If two runs of a method are the same run by seed and fold, or, without names, were scored on
      the same cases but trained on other data: as an oracle is, whose flags are those of `full`.
  """
  groups: dict[str, list[ScoredRun]] = {}
  for name, run in zip(names or map(_signature, runs), runs):
    groups.setdefault(name, []).append(run)
  titles = list(groups) if names else _names([members[0] for members in groups.values()])
  methods = tuple(Method(name, tuple(members)) for name, members in zip(titles, groups.values()))
  for method in methods:
    _require_different_runs(method)
    if not names:
      _require_one_training_set(method)
  return methods


def _signature(run: ScoredRun) -> str:
  """Equal for the runs of one method; of label files the folder."""
  if not run.settings:
    return str(run.folder)
  fixed = {name: value for name, value in _settings(run).items() if name not in REPEATED}
  return repr(sorted(fixed.items(), key=lambda item: item[0]))


def _settings(run: ScoredRun) -> dict[str, Any]:
  """What tells methods apart: of training, and of how the networks were applied when they were scored."""
  return {
    **run.settings,
    "checkpoint": run.summary.get("checkpoint", "last"),
    **how_scored.how_scored(run.summary),
  }


def _names(runs: Sequence[ScoredRun]) -> list[str]:
  """A name for each method, given its first run: the supervision, and the settings in which methods of that
  supervision differ."""
  settings = [_settings(run) for run in runs]
  folders = [run.folder.name for run in runs]
  names: list[str] = []
  for ours, folder in zip(settings, folders):
    mode = ours.get("supervision")
    if mode is None:
      names.append(folder)
      continue
    alike = [theirs for theirs in settings if theirs.get("supervision") == mode]
    differing = [
      name
      for name in ours
      if name not in REPEATED and any(theirs.get(name) != ours[name] for theirs in alike)
    ]
    names.append(", ".join([mode, *(_words(name, ours[name]) for name in differing)]))
  return _told_apart(names, folders)


def _told_apart(names: Sequence[str], folders: Sequence[str]) -> list[str]:
  """Adds the folder where two names are the same after all."""
  return [f"{name} ({folder})" if names.count(name) > 1 else name for name, folder in zip(names, folders)]


def _words(name: str, value: object) -> str:
  if isinstance(value, bool):
    return name if value else f"no {name}"
  if isinstance(value, str):
    return value
  return f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"


def _require_different_runs(method: Method) -> None:
  seen: dict[tuple[int | None, int | None, tuple[str, ...]], ScoredRun] = {}
  for run in method.runs:
    other = seen.setdefault((run.seed, run.fold, run.cases), run)
    if other is not run:
      raise InputError(
        f"{run.folder}: is the method {method.name!r} with seed {run.seed} and fold {run.fold}, as "
        f"{other.folder} is; give each run once, or tell the methods apart by --names (one for each run)."
      )


def _require_one_training_set(method: Method) -> None:
  first: dict[str, ScoredRun] = {}
  for run in method.runs:
    for case in run.cases:
      other = first.setdefault(case, run)
      if run.trained_on != other.trained_on:
        raise InputError(
          f"{run.folder}: has the flags of {other.folder} and is scored on the same cases, but was trained "
          "on another store; tell the methods apart, or put them together, by --names (one for each run)."
        )
