"""Do organs take the share of partial images that the prior says? Compared on the organs that both labelled
and partial cases annotate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from data.arrays import Floats
from deeplab_panns.evidence.paired_tests import holm
from deeplab_panns.prior_check.case_sets import CaseSet

HOLDS, FAILS, UNCLEAR, NO_PRIOR = "holds", "does not hold", "too few cases to tell", "no labelled case has it"
TOLERANCE = 1.5  # at 1.5 times q the prior pulls an organ down with a third of its full force
MIN_CASES = 3
# With fewer cases in one of the sets both share one spread: that of three cases alone says nothing.
_OWN_SPREAD_CASES = 6
_LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class Agreement:
  """One organ of one partial set against the prior.

  Attributes:
    cases: those of the set that annotate the organ.
    absent: those of them without a voxel of it.
    share, prior: mean shares, of the set and of the labelled cases.
    ratio: share / prior; NaN without a prior.
    interval: 90 % of the ratio, with the error of both sides; None where it cannot be had.
    volume_ratio: of the organ's mean volumes in mL: near 1 the organ is alike, and the scans differ.
    is_larger: whether that ratio is above the tolerance, and above 1 by a one-sided test at 5 %.
    verdict: HOLDS: the interval lies within the tolerance (two one-sided tests at 5 %). FAILS: the ratio lies
      outside, and is not 1 by a two-sided test at 5 % after Holm's correction over all organs and sets.
      NO_PRIOR: no labelled case has the organ. UNCLEAR: none of these.
  """

  set_name: str
  organ: str
  cases: int
  absent: int
  share: float
  prior: float
  ratio: float
  interval: tuple[float, float] | None
  volume_ratio: float
  is_larger: bool
  verdict: str


@dataclasses.dataclass(frozen=True)
class _RatioTest:
  """Of the ratio of two shares; None is what sets of their size cannot have.

  Attributes:
    p: that the ratio is 1.
    interval: 90 %, (low, high).
  """

  p: float | None
  interval: tuple[float, float] | None


def compare(labeled: CaseSet, sets: Sequence[CaseSet], tolerance: float) -> list[Agreement]:
  """Compares each organ of each set with the labelled cases.

  Args:
    tolerance: factor above 1 by which a share may be off q, up or down.
  """
  pairs = [(one, organ) for one in sets for organ in one.organs]
  tests = [_test(labeled, one, organ) for one, organ in pairs]
  corrected = [dataclasses.replace(test, p=p) for test, p in zip(tests, holm([test.p for test in tests]))]
  return [_agreement(labeled, one, organ, test, tolerance) for (one, organ), test in zip(pairs, corrected)]


def _agreement(labeled: CaseSet, one: CaseSet, organ: str, test: _RatioTest, tolerance: float) -> Agreement:
  share, prior = one.mean_share(organ), labeled.mean_share(organ)
  ratio = share / prior if prior else math.nan
  return Agreement(
    set_name=one.name,
    organ=organ,
    cases=len(one.annotating(organ)),
    absent=one.absent(organ),
    share=share,
    prior=prior,
    ratio=ratio,
    interval=test.interval,
    volume_ratio=one.mean_ml(organ) / labeled.mean_ml(organ) if prior else math.nan,
    is_larger=_is_larger(labeled.volumes_ml(organ), one.volumes_ml(organ), tolerance),
    verdict=_verdict(ratio, test, tolerance),
  )


def _is_larger(theirs: Floats, ours: Floats, tolerance: float) -> bool:
  """Whether the organ is larger in mL in a set's cases, `ours`, than in the labelled ones."""
  if len(ours) < MIN_CASES or not theirs.any() or ours.mean() <= tolerance * theirs.mean():
    return False
  error, freedom = _log_error(ours / ours.mean() - 1, theirs / theirs.mean() - 1)
  return not error or float(stats.t.sf(math.log(ours.mean() / theirs.mean()) / error, freedom)) < _LEVEL


def _verdict(ratio: float, test: _RatioTest, tolerance: float) -> str:
  if math.isnan(ratio):
    return NO_PRIOR
  if test.interval and 1 / tolerance < test.interval[0] and test.interval[1] < tolerance:
    return HOLDS
  if test.p is not None and test.p < _LEVEL and not 1 / tolerance <= ratio <= tolerance:
    return FAILS
  return UNCLEAR


def _test(labeled: CaseSet, one: CaseSet, organ: str) -> _RatioTest:
  ours, theirs = one.annotating(organ), labeled.annotating(organ)
  if len(ours) < MIN_CASES or not labeled.mean_share(organ):
    return _RatioTest(None, None)
  if one.absent(organ) == len(ours):  # no logarithm; the question is whether labelled cases lack it as often
    present = len(theirs) - labeled.absent(organ)
    exact = stats.fisher_exact([[0, len(ours)], [present, len(theirs) - present]])
    return _RatioTest(float(exact.pvalue), None)
  log_ratio = math.log(one.mean_share(organ) / labeled.mean_share(organ))
  error, freedom = _log_error(one.deviations(organ), labeled.deviations(organ))
  reach = error * float(stats.t.ppf(1 - _LEVEL, freedom))
  p = 2 * float(stats.t.sf(abs(log_ratio) / error, freedom)) if error else float(log_ratio == 0)
  return _RatioTest(p, (math.exp(log_ratio - reach), math.exp(log_ratio + reach)))


def _log_error(ours: Floats, theirs: Floats) -> tuple[float, float]:
  """Standard error of the log ratio and its degrees of freedom: Welch's, or Student's where a set is small.

  Args:
    ours, theirs: deviations of the two sets, as from `CaseSet.deviations`.
  """
  counts, squares = np.array([len(ours), len(theirs)]), np.array([np.sum(ours**2), np.sum(theirs**2)])
  if counts.min() < _OWN_SPREAD_CASES:
    return math.sqrt(squares.sum() / (counts.sum() - 2) * np.sum(1 / counts)), int(counts.sum()) - 2
  parts = squares / (counts - 1) / counts
  if not parts.any():
    return 0.0, int(counts.sum()) - 2
  return math.sqrt(parts.sum()), float(parts.sum() ** 2 / np.sum(parts**2 / (counts - 1)))
