"""Paired comparisons of two methods: signed-rank test, t-test, bootstrap interval, Holm's correction.

One pair is one test volume, its value the mean over seeds: volumes are drawn independently, runs of other
seeds on the same volumes are not. Where each seed has patients of its own, its mean is the pair
(`mean_interval`, `ttest_p`, `wilcoxon_p`).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import stats

MIN_PAIRS = 6  # a two-sided signed-rank test of five pairs cannot come below p = 0.06
RESAMPLES = 10_000
_MAX_EXACT = 200  # pairs; beyond, the normal approximation is as good


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What a method changes against a baseline, over pairs.

  Attributes:
    pairs: that both define.
    dropped: pairs in which one or both are NaN.
    difference: mean of method - baseline; NaN without a pair.
    interval: (low, high) of the mean difference, 95 % percentile bootstrap; None below MIN_PAIRS, as are
    wilcoxon_p, ttest_p: two-sided, not corrected for other comparisons.
  """

  pairs: int
  dropped: int
  difference: float
  interval: tuple[float, float] | None
  wilcoxon_p: float | None
  ttest_p: float | None

  @property
  def enough(self):
    """Whether there are pairs enough for a test."""
    return self.pairs >= MIN_PAIRS


def compare(values, baseline, seed=0):
  """Compares paired values.

  Args:
    values, baseline: arrays of one length; a pair at each place, NaN where undefined.
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


def bootstrap_interval(values, seed=0, level=0.95):
  """(low, high) percentiles of the mean over resamples of `values`, drawn with replacement.

  A function of values and seed alone. Percentile intervals of few values are too narrow: of 8 pairs about 89
  % hold the true mean.
  """
  values = np.asarray(values, np.float64)
  drawn = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
  low, high = np.quantile(values[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
  return float(low), float(high)


def holm(p_values):
  """Holm's step-down correction: adjusted p-values in the order given, comparable with a level as they are.

  Args:
    p_values: numbers in [0, 1]; None where there was no test, which stays None and counts for nothing.
  """
  tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
  adjusted: list[float | None] = [None] * len(p_values)
  floor = 0.0
  for rank, (p, place) in enumerate(tested):
    floor = max(floor, min(1.0, (len(tested) - rank) * p))
    adjusted[place] = floor
  return adjusted


def wilcoxon_p(differences):
  """Two-sided p of the signed-rank test, exact with ties too; scipy's choice of method there changes between
  versions."""
  differences = np.asarray(differences, np.float64)
  changed = differences[differences != 0]  # Wilcoxon's own rule: a pair without a difference ranks nowhere
  if not len(changed):
    return 1.0
  if len(changed) > _MAX_EXACT:
    return float(stats.wilcoxon(changed).pvalue)
  doubled_ranks = np.rint(2 * stats.rankdata(np.abs(changed))).astype(
    int
  )  # whole numbers: a tie's rank may end in .5
  probability = np.ones(1)  # of each sum of the positive ranks, when every sign is a coin's toss
  for rank in doubled_ranks:
    gap = np.zeros(rank)
    probability = (np.concatenate([probability, gap]) + np.concatenate([gap, probability])) / 2
  positive = doubled_ranks[changed > 0].sum()
  return float(min(1.0, 2 * min(probability[: positive + 1].sum(), probability[positive:].sum())))


def ttest_p(differences):
  """Two-sided p of Student's t-test that the mean of two or more differences is 0."""
  differences = np.asarray(differences, np.float64)
  spread = differences.std(ddof=1)
  if spread == 0:  # t is 0/0 or infinite; the limits are these
    return 1.0 if differences[0] == 0 else 0.0
  t = differences.mean() / (spread / math.sqrt(len(differences)))
  return float(2 * stats.t.sf(abs(t), len(differences) - 1))


def mean_interval(values, level=0.95):
  """(low, high) of the mean of two or more normally distributed values by Student's t, right also for few of
  them."""
  values = np.asarray(values, np.float64)
  reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
  return float(values.mean() - reach), float(values.mean() + reach)
