"""Paired comparisons of methods with the baseline, over cases, patients or seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from data.arrays import Floats, Mask
from deeplab_panns.evidence import paired_tests
from deeplab_panns.evidence.defined_values import defined_mean
from deeplab_panns.evidence.paired_tests import Comparison
from deeplab_panns.report.results.compared import Results, cases_of_seed
from deeplab_panns.report.results.methods import Method


@dataclasses.dataclass(frozen=True)
class Gain:
  """A method's paired comparison, and its p-values after Holm's correction (None where there is no test)."""

  comparison: Comparison
  wilcoxon_p: float | None
  ttest_p: float | None


def mean_gains(results: Results) -> dict[str, Gain]:
  """{method: Gain} of the mean Dice, corrected over the methods; without the baseline.

  As in the mean that is shown an organ weighs the same however many cases have it. Pairs are those of
  `Results.pairs`.
  """
  found = {}
  for method in results.others:
    ours, theirs = _paired(results, method)
    weights = _weights(~np.isnan(ours))
    found[method.name] = _compare(results, _weighted(ours, weights), _weighted(theirs, weights))
  return _corrected(found)


def _weights(is_pair: Mask) -> Floats:
  """Of each case and organ, so that the mean over cases of weighted sums is the mean over organs of means.

  Where every case has every organ they are 1 over the number of organs.
  """
  of_organ = is_pair.sum(axis=0)
  cases, organs = is_pair.any(axis=1).sum(), max(1, np.count_nonzero(of_organ))
  return np.where(is_pair, cases / (organs * np.maximum(of_organ, 1)), 0.0)


def _weighted(dice: Floats, weights: Floats) -> Floats:
  """[cases]: sums over organs; NaN for a case without a pair."""
  sums = np.nansum(dice * weights, axis=1)
  return np.where(weights.any(axis=1), sums, np.nan)


def _paired(results: Results, method: Method) -> tuple[Floats, Floats]:
  """Dice [cases, organs] of a method and of the baseline, NaN in both where one has none.

  An organ that a case lacks has no Dice where a method leaves it out, and 0 where the method draws it. Beside
  a method that draws it, leaving it out counts 1: without the pair a false organ would cost nothing.
  """
  both = (method, results.baseline)
  dice = np.array([results.table(one) for one in both])
  filled = np.array([one.table(results.cases, results.organs, undefined=1.0) for one in both])
  undefined = np.isnan(dice)
  drawn_by_one = undefined.any(axis=0) & ~undefined.all(axis=0) & (np.nansum(dice, axis=0) == 0)
  is_pair = (~undefined.any(axis=0) | drawn_by_one) & ~np.isnan(filled).any(axis=0)
  ours, theirs = np.where(is_pair, filled, np.nan)
  return ours, theirs


def organ_gains(results: Results, method: Method) -> dict[str, Gain]:
  """{organ: Gain} over pairs as in `mean_gains`, corrected over the organs."""
  ours, theirs = _paired(results, method)
  return _corrected(
    {
      organ: _compare(results, ours[:, column], theirs[:, column])
      for column, organ in enumerate(results.organs)
    }
  )


def _compare(results: Results, values: Floats, baseline: Floats) -> Comparison:
  """Compares two vectors over the cases; a pair of several cases counts by their mean."""
  both = ~np.isnan(values) & ~np.isnan(baseline)
  ours, theirs = (
    [defined_mean(np.where(both, one, np.nan)[rows]) for rows in results.pairs.rows]
    for one in (values, baseline)
  )
  return paired_tests.compare(ours, theirs)


def seed_means(results: Results, method: Method) -> dict[int, float]:
  """{seed: mean Dice over organs of the means over cases}, of the runs of one seed."""
  return {
    seed: defined_mean(defined_mean(method.table(results.cases, results.organs, seed=seed), axis=0))
    for seed in method.seeds
  }


def seed_gain(results: Results, method: Method) -> Comparison:
  """Compares the means of the seeds in which method and baseline were scored on the same cases."""
  ours, theirs = seed_means(results, method), seed_means(results, results.baseline)
  seeds = [
    seed
    for seed in ours
    if seed in theirs and cases_of_seed(method, seed) == cases_of_seed(results.baseline, seed)
  ]
  return paired_tests.compare([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])


def _corrected(comparisons: Mapping[str, Comparison]) -> dict[str, Gain]:
  wilcoxon = paired_tests.holm([comparison.wilcoxon_p for comparison in comparisons.values()])
  ttest = paired_tests.holm([comparison.ttest_p for comparison in comparisons.values()])
  return {
    name: Gain(comparison, wilcoxon_p, ttest_p)
    for (name, comparison), wilcoxon_p, ttest_p in zip(comparisons.items(), wilcoxon, ttest)
  }
