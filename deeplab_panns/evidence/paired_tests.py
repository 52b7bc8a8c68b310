"""Paired comparisons of two methods: signed-rank test, t-test, bootstrap interval, Holm's correction.

A pair is one test volume, its value the mean over seeds: volumes are independent samples, runs of other
seeds on the same volumes are not. Where each seed has patients of its own, a pair is one seed, its value the
mean over its volumes (`mean_interval`, `ttest_p`, `wilcoxon_p`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

MIN_PAIRS = 6  # a two-sided signed-rank test of five pairs cannot come below p = 0.06
RESAMPLES = 10_000
_MAX_EXACT = 200  # pairs; beyond, the normal approximation is as good


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What a method changes against a baseline, over pairs.

  Attributes:
    pairs: those in which both values are defined.
    dropped: those in which one or both are NaN.
    difference: mean of method - baseline; NaN without a pair.
    interval: (low, high) of the mean difference, 95 % percentile bootstrap; None below MIN_PAIRS.
    wilcoxon_p, ttest_p: two-sided, not corrected for other comparisons; None below MIN_PAIRS.
  """

  pairs: int
  dropped: int
  difference: float
  interval: tuple[float, float] | None
  wilcoxon_p: float | None
  ttest_p: float | None

  @property
  def enough(self) -> bool:
    """Whether there are enough pairs for a test."""
    return self.pairs >= MIN_PAIRS


def compare(values: npt.ArrayLike, baseline: npt.ArrayLike, seed: int = 0) -> Comparison:
  """Compares paired values.

  Args:
    values, baseline: vectors of one length, a pair at each index; NaN where undefined.
    seed: of the bootstrap.
  Raises:
    ValueError: If the lengths differ.
  """
  values, baseline = np.asarray(values, np.float64), np.asarray(baseline, np.float64)
  if values.ndim != 1 or values.shape != baseline.shape:
    raise ValueError(f"received shapes {values.shape} and {baseline.shape}; pairs need two equal vectors")
  differences = values - baseline
  defined = differences[~np.isnan(differences)]
  found = Comparison(len(defined), len(differences) - len(defined), math.nan, None, None, None)
  if len(defined):
    found = dataclasses.replace(found, difference=float(defined.mean()))
  if not found.enough:
    return found
  return dataclasses.replace(
    found,
    interval=bootstrap_interval(defined, seed),
    wilcoxon_p=wilcoxon_p(defined),
    ttest_p=ttest_p(defined),
  )


def bootstrap_interval(values: npt.ArrayLike, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
  """(low, high) percentiles of the mean over resamples of `values` with replacement.

  The result depends on values and seed alone. Percentile intervals of few values are too narrow: with 8 pairs
  an interval at 95 % holds the true mean in about 89 % of all samples.
  """
  values = np.asarray(values, np.float64)
  resamples = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
  low, high = np.quantile(values[resamples].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
  return float(low), float(high)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
  """Holm's step-down correction for several tests.

  Args:
    p_values: numbers in [0, 1]; None where there was no test.
  Returns:
    The adjusted p-values in the same order, to be compared with the level itself. None stays None and does
    not count as a test.
  """
  tested = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
  adjusted: list[float | None] = [None] * len(p_values)
  floor = 0.0
  for rank, (p, index) in enumerate(tested):
    floor = max(floor, min(1.0, (len(tested) - rank) * p))
    adjusted[index] = floor
  return adjusted


def wilcoxon_p(differences: npt.ArrayLike) -> float:
  """Two-sided p of Wilcoxon's signed-rank test, exact with ties too, for which SciPy's method depends on its
  version."""
  differences = np.asarray(differences, np.float64)
  changed = differences[differences != 0]  # Wilcoxon's own rule: a pair without a difference has no rank
  if not len(changed):
    return 1.0
  if len(changed) > _MAX_EXACT:
    return float(stats.wilcoxon(changed).pvalue)
  # Doubled, since the rank of a tie may end in .5 and sums are to be whole numbers.
  doubled_ranks = np.rint(2 * stats.rankdata(np.abs(changed))).astype(int)
  probability = np.ones(1)  # of each sum of the positive ranks, if every sign is the toss of a coin
  for rank in doubled_ranks:
    gap = np.zeros(rank)
    probability = (np.concatenate([probability, gap]) + np.concatenate([gap, probability])) / 2
  positive = doubled_ranks[changed > 0].sum()
  return float(min(1.0, 2 * min(probability[: positive + 1].sum(), probability[positive:].sum())))


def ttest_p(differences: npt.ArrayLike) -> float:
  """Two-sided p of Student's t-test that the mean of two or more differences is 0."""
  differences = np.asarray(differences, np.float64)
  spread = differences.std(ddof=1)
  if spread == 0:  # t is 0/0 or infinite; the limits are these
    return 1.0 if differences[0] == 0 else 0.0
  t = differences.mean() / (spread / math.sqrt(len(differences)))
  return float(2 * stats.t.sf(abs(t), len(differences) - 1))


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
  """(low, high) of the mean of two or more normally distributed values by Student's t, exact for few values
  too."""
  values = np.asarray(values, np.float64)
  reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
  return float(values.mean() - reach), float(values.mean() + reach)
