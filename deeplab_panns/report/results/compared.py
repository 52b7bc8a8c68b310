"""The scores of several methods on the same cases, and their paired comparisons with a baseline."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Floats
from data.input_error import InputError
from deeplab_panns.evidence import paired_tests
from deeplab_panns.evidence.paired_tests import Comparison
from deeplab_panns.report.results.methods import Method, group
from deeplab_panns.report.results.scored_runs import ScoredRun


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
  """
  Attributes:
    baseline: one of the methods.
    organs: those that were scored, in label order.
    label_organs: of the label values 1, 2, ..., also those that no case annotates.
    cases: keys, as in ScoredRun.
    scored_on: split and grid in words.
  """

  methods: tuple[Method, ...]
  baseline: Method
  organs: tuple[str, ...]
  label_organs: tuple[str, ...]
  cases: tuple[str, ...]
  scored_on: str

  def table(self, method: Method, score: str = "dice") -> Floats:
    """[cases, organs] of a method, each value the mean over its seeds; NaN where undefined."""
    return method.table(self.cases, self.organs, score)

  @functools.cached_property
  def cases_of_seeds(self) -> list[list[int]] | None:
    """[rows of `cases`] for each seed, where seeds have patients of their own; None where they share the
    cases.

    The patients of such a seed share their training runs: the seed is the pair of a test, not the patient.
    (Other folds of one cross-validation have patients of their own too, and are trained on much the same
    ones.)
    """
    for method in self.methods:
      by_seed = {seed: _cases(method, seed) for seed in method.seeds}
      folds = [{run.fold for run in method.runs if run.seed == seed} for seed in method.seeds]
      apart = sum(map(len, by_seed.values())) == len(set().union(*by_seed.values()))
      if len(by_seed) > 1 and apart and set.intersection(*folds):
        return [[row for row, case in enumerate(self.cases) if case in cases] for cases in by_seed.values()]
    return None

  @property
  def others(self) -> tuple[Method, ...]:
    """The methods that are compared with the baseline."""
    return tuple(method for method in self.methods if method is not self.baseline)


@dataclasses.dataclass(frozen=True)
class Gain:
  """A method's paired comparison, and its p-values after Holm's correction (None where there is no test)."""

  comparison: Comparison
  wilcoxon_p: float | None
  ttest_p: float | None


def build(
  runs: Sequence[ScoredRun], names: Sequence[str] | None = None, baseline: str | None = None
) -> Results:
  """Results of ScoredRuns.

  Args:
    names: as in `methods.group`.
    baseline: name of a method; None takes `full`, or else the first.
  Raises:
    InputError: If the runs were not scored alike, or no method has the baseline's name.
  """
  methods = group(runs, names)
  first = runs[0]
  for run in runs:
    if (run.label_organs, run.organs, run.scored_on) != (first.label_organs, first.organs, first.scored_on):
      raise InputError(
        f"{run.folder}: was scored with the organs {', '.join(run.organs)} {run.scored_on}; {first.folder} "
        "with "
        f"{', '.join(first.organs)} {first.scored_on}; evaluate all runs alike, on one list of organs."
      )
  for method in methods:
    only = sorted(set(method.cases) ^ set(methods[0].cases))
    if only:
      raise InputError(
        f"{method.runs[0].folder}: the method {method.name!r} was scored on {len(method.cases)} "
        f"cases, {methods[0].name!r} on "
        f"{len(methods[0].cases)}, and not on the same: {', '.join(only[:3])} (id@hash of its "
        "reference) in one alone; evaluate the same folds of the same stores for every method."
      )
  return Results(
    methods, _baseline(methods, baseline), first.organs, first.label_organs, methods[0].cases, first.scored_on
  )


def _baseline(methods: Sequence[Method], name: str | None) -> Method:
  by_name = {method.name: method for method in methods}
  if name is None:
    return by_name.get("full", methods[0])
  if name not in by_name:
    raise InputError(f"--baseline={name}: no method has this name; the methods are {list(by_name)}.")
  return by_name[name]


def defined_mean(values: npt.ArrayLike, axis: int | None = None) -> Any:
  """The mean of what is not NaN, NaN where nothing is; without numpy's warning."""
  values = np.asarray(values, np.float64)
  counts = np.count_nonzero(~np.isnan(values), axis=axis)
  return np.divide(
    np.nansum(values, axis=axis), counts, out=np.full(np.shape(counts), np.nan), where=counts > 0
  )[()]


def mean_gains(results: Results) -> dict[str, Gain]:
  """{method: Gain} of the case means, corrected over the methods; a case's mean is over the organs that both
  define.

  Pairs are cases, or seeds where these have cases of their own.
  """
  baseline = results.table(results.baseline)
  found = {}
  for method in results.others:
    table = results.table(method)
    both = ~np.isnan(table) & ~np.isnan(baseline)
    means = [defined_mean(np.where(both, values, np.nan), axis=1) for values in (table, baseline)]
    found[method.name] = _compare(results, *means)
  return _corrected(found)


def organ_gains(results: Results, method: Method) -> dict[str, Gain]:
  """{organ: Gain} over pairs as in `mean_gains`, corrected over the organs."""
  tables = results.table(method), results.table(results.baseline)
  return _corrected(
    {
      organ: _compare(results, tables[0][:, column], tables[1][:, column])
      for column, organ in enumerate(results.organs)
    }
  )


def _compare(results: Results, values: Floats, baseline: Floats) -> Comparison:
  """Comparison of two vectors over the cases."""
  seeds = results.cases_of_seeds
  if seeds is not None:
    both = ~np.isnan(values) & ~np.isnan(baseline)
    values, baseline = (
      np.array([defined_mean(np.where(both, one, np.nan)[rows]) for rows in seeds])
      for one in (values, baseline)
    )
  return paired_tests.compare(values, baseline)


def seed_means(results: Results, method: Method) -> dict[int, float]:
  """{seed: mean Dice over organs of the means over cases}, of the runs of one seed."""
  return {
    seed: float(defined_mean(defined_mean(method.table(results.cases, results.organs, seed=seed), axis=0)))
    for seed in method.seeds
  }


def seed_gain(results: Results, method: Method) -> tuple[list[int], Comparison]:
  """(seeds, Comparison) over the seeds in which method and baseline were scored on the same cases."""
  ours, theirs = seed_means(results, method), seed_means(results, results.baseline)
  seeds = [seed for seed in ours if seed in theirs and _cases(method, seed) == _cases(results.baseline, seed)]
  return seeds, paired_tests.compare([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])


def _cases(method: Method, seed: int | None) -> set[str]:
  return {case for run in method.runs if run.seed == seed for case in run.cases}


def _corrected(comparisons: Mapping[str, Comparison]) -> dict[str, Gain]:
  kinds = [
    paired_tests.holm([getattr(comparison, kind) for comparison in comparisons.values()])
    for kind in ("wilcoxon_p", "ttest_p")
  ]
  return {
    name: Gain(comparison, wilcoxon_p, ttest_p)
    for (name, comparison), wilcoxon_p, ttest_p in zip(comparisons.items(), *kinds)
  }
