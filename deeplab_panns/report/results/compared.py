"""The scores of several methods on the same cases."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from data.arrays import Floats
from data.input_error import InputError
from data.listed import listed
from deeplab_panns.report.results.methods import Method, group
from deeplab_panns.report.results.scored_runs import ScoredRun


@dataclasses.dataclass(frozen=True)
class Pairs:
  """What the pairs of the tests are.

  Attributes:
    kind: "seeds", "patients" or "cases".
    rows: for each pair the indices of its cases.
  """

  kind: str
  rows: list[list[int]]


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
  """Methods that were scored on the same cases.

  Attributes:
    baseline: the one of the methods that the others are compared with.
    organs: those that were scored, in label order.
    label_organs: those of the label values 1, 2, ..., also where no case annotates them.
    cases: keys, as in ScoredRun.
    scored_on: split and grid in words that follow "8 cases ".
  """

  methods: tuple[Method, ...]
  baseline: Method
  organs: tuple[str, ...]
  label_organs: tuple[str, ...]
  cases: tuple[str, ...]
  scored_on: str

  def table(self, method: Method, score: str = "dice") -> Floats:
    """[cases, organs] of a method, each value the mean over its seeds; NaN where undefined.

    Args:
      score: an attribute of OrganScore.
    """
    return method.table(self.cases, self.organs, score)

  @functools.cached_property
  def pairs(self) -> Pairs:
    """What is independent of each other, and so a pair of a test.

    Where each seed has patients of its own, these share its training runs: the seed is the pair, not the
    patient. Folds of one cross-validation that were trained with a seed each have patients of their own as
    well, but are trained on much the same ones: they do not count as such seeds. Several scans of a patient
    are one pair.
    """
    return self._seeds() or self._patients() or Pairs("cases", [[row] for row in range(len(self.cases))])

  def _seeds(self) -> Pairs | None:
    """The cases of each seed, where seeds have patients of their own."""
    for method in self.methods:
      by_seed = {seed: cases_of_seed(method, seed) for seed in method.seeds}
      folds = [{run.fold for run in method.runs if run.seed == seed} for seed in method.seeds]
      apart = sum(map(len, by_seed.values())) == len(set().union(*by_seed.values()))
      if len(by_seed) > 1 and apart and set.intersection(*folds):
        return Pairs("seeds", [self._rows(cases) for cases in by_seed.values()])
    return None

  def _patients(self) -> Pairs | None:
    """The cases of each patient, where a patient is known to have several."""
    runs = [run for method in self.methods for run in method.runs]  # older scores do not tell
    first = {case: one for run in runs for case, one in run.first_of_patient.items()}
    if not first:
      return None
    of_patient: dict[str, set[str]] = {}
    for case in self.cases:
      of_patient.setdefault(first.get(case, case), set()).add(case)
    return Pairs("patients", [self._rows(cases) for cases in of_patient.values()])

  def _rows(self, cases: set[str]) -> list[int]:
    return [row for row, case in enumerate(self.cases) if case in cases]

  @property
  def others(self) -> tuple[Method, ...]:
    """The methods that are compared with the baseline."""
    return tuple(method for method in self.methods if method is not self.baseline)


def cases_of_seed(method: Method, seed: int) -> set[str]:
  """Keys of the cases that a method's runs of one seed were scored on."""
  return {case for run in method.runs if run.seed == seed for case in run.cases}


def build(
  runs: Sequence[ScoredRun], names: Sequence[str] | None = None, baseline: str | None = None
) -> Results:
  """Groups runs into methods, and makes sure that these can be compared.

  Args:
    names: as in `methods.group`.
    baseline: name of a method; None takes "full", or else the first.
  Raises:
    InputError: If the runs were not scored alike, or no method has the baseline's name.
  """
  methods = group(runs, names)
  first = runs[0]
  for run in runs:
    if (run.label_organs, run.organs, run.scored_on) != (first.label_organs, first.organs, first.scored_on):
      raise InputError(
        f"{run.folder}: was scored with the organs {listed(run.organs)} {run.scored_on}; {first.folder} "
        f"with {listed(first.organs)} {first.scored_on}; evaluate all runs alike, on one list of organs."
      )
  for method in methods:
    only = sorted(set(method.cases) ^ set(methods[0].cases))
    if only:
      raise InputError(
        f"{method.runs[0].folder}: the method {method.name!r} was scored on {len(method.cases)} cases, "
        f"{methods[0].name!r} on {len(methods[0].cases)}, and not on the same: {listed(only)} (id@hash of "
        "the reference) in one alone; evaluate the same folds of the same stores for every method."
      )
  return Results(
    methods=methods,
    baseline=_baseline(methods, baseline),
    organs=first.organs,
    label_organs=first.label_organs,
    cases=methods[0].cases,
    scored_on=first.scored_on,
  )


def _baseline(methods: Sequence[Method], name: str | None) -> Method:
  by_name = {method.name: method for method in methods}
  if name is None:
    return by_name.get("full", methods[0])
  if name not in by_name:
    raise InputError(f"--baseline={name}: no method has this name; the methods are {list(by_name)}.")
  return by_name[name]
