"""Do organs take the share of partial images that the prior says? Compared on the organs that labelled and
partial cases annotate.

A share is pooled over cases: all voxels of the organ over all voxels, so that a case counts by its size, as
it does in q and in training on slices. What training samples (crops, scales) changes the shares of both sides
alike.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import stats

from data.input_error import InputError
from data.organs import BACKGROUND, IGNORE
from deeplab_panns.evidence.paired_tests import holm

ALL_PARTIAL = "all partial cases"
HOLDS, FAILS, UNCLEAR, NO_PRIOR = "holds", "does not hold", "too few cases to tell", "no labelled case has it"
TOLERANCE = 1.5  # at 1.5 times q the prior pulls an organ down with a third of its full force
MIN_CASES = 3
_OWN_SPREAD_CASES = (
  6  # with fewer in one of the sets both share one spread: that of three cases alone says nothing
)
_LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class CaseSizes:
  """What is counted of a case.

  Attributes:
    voxels: organ or "background" -> voxels.
    total: all voxels counted; `ignore` does not count.
    voxel_ml: volume of one.
    extent_mm: of the scan, (z, y, x).
  """

  id: str
  annotated: tuple[str, ...]
  voxels: dict[str, int]
  total: int
  voxel_ml: float
  extent_mm: tuple[float, ...]


def measure(case, organs, body_only=False):
  """CaseSizes of a StoredCase.

  Args:
    organs: the store's.
    body_only: count only voxels above the window's floor of -125 HU: soft tissue and bone, without the air
      around the patient and in the lungs. Reads the arrays; without it the store's index is enough.
  Raises:
    InputError: If nothing is left to count.
  """
  voxels = case.voxels
  if body_only:
    counts = np.zeros(IGNORE + 1, np.int64)
    for image, label in zip(case.image(), case.label()):
      counts += np.bincount(label[image > 0], minlength=IGNORE + 1)
    voxels = {name: int(counts[value]) for value, name in enumerate((BACKGROUND, *organs))}
  if not sum(voxels.values()):
    raise InputError(
      f"{case.folder}: the scan has no voxel {'above -125 HU' if body_only else 'that is not ignored'}, so "
      "organs have "
      "no share of it; look at the image, and take the case out of the manifest if it is empty."
    )
  extent = tuple(size * mm for size, mm in zip(case.shape, case.spacing_mm))
  return CaseSizes(
    case.id, case.annotated, voxels, sum(voxels.values()), math.prod(case.spacing_mm) / 1000, extent
  )


@dataclasses.dataclass(frozen=True, eq=False)
class CaseSet:
  """Cases that belong together; organs are those that it tells about."""

  name: str
  organs: tuple[str, ...]
  cases: tuple[CaseSizes, ...]

  def annotating(self, organ):
    return [case for case in self.cases if organ in case.annotated]

  def shares(self, organ):
    """[cases that annotate it] in [0, 1]; 0 where the organ was removed or lies outside the scan."""
    return np.array([case.voxels[organ] / case.total for case in self.annotating(organ)])

  def pooled_share(self, organ):
    cases = self.annotating(organ)
    return sum(case.voxels[organ] for case in cases) / sum(case.total for case in cases)

  def mean_ml(self, organ):
    """The organ's mean volume, cases without it included."""
    return float(np.mean([case.voxels[organ] * case.voxel_ml for case in self.annotating(organ)]))

  def absent(self, organ):
    """Cases that annotate the organ and hold no voxel of it."""
    return sum(case.voxels[organ] == 0 for case in self.annotating(organ))

  def deviations(self, organ):
    """Per case, what it adds to the pooled share's relative error: its excess over the expected voxels, of a
    mean case."""
    share, cases = self.pooled_share(organ), self.annotating(organ)
    expected = share * np.array([case.total for case in cases])
    return (np.array([case.voxels[organ] for case in cases]) - expected) / expected.mean()

  @property
  def extent_mm(self):
    """Median extent of the scans, (z, y, x)."""
    return tuple(float(value) for value in np.median([case.extent_mm for case in self.cases], axis=0))


def partial_sets(cases, organs):
  """Partial cases by the organs they annotate, in the order of their first case; unlabelled cases are in
  none.

  Where sets share organs, there is ALL_PARTIAL at the end, of these organs: cases that lost labels one by one
  have nothing else to be judged by.
  """
  groups: dict = {}
  for case in cases:
    if case.annotated:
      groups.setdefault(tuple(case.annotated), []).append(case)
  sets = [
    CaseSet(_name(annotated, number), annotated, tuple(members))
    for number, (annotated, members) in enumerate(groups.items(), 1)
  ]
  shared = tuple(organ for organ in organs if sum(organ in one.organs for one in sets) > 1)
  if shared:
    sets.append(CaseSet(ALL_PARTIAL, shared, tuple(case for one in sets for case in one.cases)))
  return sets


def _name(annotated, number):
  """The organs; of many the first, with the set's number, since other sets may begin alike."""
  return (
    ", ".join(annotated)
    if len(annotated) <= 3
    else f"{annotated[0]} and {len(annotated) - 1} more (set {number})"
  )


@dataclasses.dataclass(frozen=True)
class Agreement:
  """One organ of one partial set against the prior.

  Attributes:
    cases, absent: in the partial set: those that annotate the organ, and those of them without a voxel of it.
    share, prior: pooled shares, of the set and of the labelled cases.
    ratio: share / prior; NaN without a prior.
    interval: 90 % of the ratio, with the error of both sides; None where it cannot be had.
    volume_ratio: of the organ's mean volumes in mL: near 1 the organ is alike, and the scans differ.
    verdict: HOLDS: the interval lies within the tolerance (two one-sided tests at 5 %). FAILS: the ratio lies
      outside, and is not 1 by a two-sided test at 5 % after Holm's correction over all organs and sets.
      UNCLEAR: neither.
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
  verdict: str


def compare(labeled: CaseSet, sets, tolerance):
  """Agreements, for each set and each of its organs.

  Args:
    tolerance: factor above 1 by which a share may be off q, up or down.
  """
  pairs = [(one, organ) for one in sets for organ in one.organs]
  tests = [_test(labeled, one, organ) for one, organ in pairs]
  p_values = holm([p for p, _ in tests])
  return [
    _agreement(labeled, one, organ, interval, (p, tolerance))
    for (one, organ), (_, interval), p in zip(pairs, tests, p_values)
  ]


def _agreement(labeled, one, organ, interval, rule):
  p, tolerance = rule
  share, prior = one.pooled_share(organ), labeled.pooled_share(organ)
  ratio = share / prior if prior else math.nan
  verdict = UNCLEAR
  if not prior:
    verdict = NO_PRIOR
  elif interval and 1 / tolerance < interval[0] and interval[1] < tolerance:
    verdict = HOLDS
  elif p is not None and p < _LEVEL and not 1 / tolerance <= ratio <= tolerance:
    verdict = FAILS
  volume_ratio = one.mean_ml(organ) / labeled.mean_ml(organ) if prior else math.nan
  return Agreement(
    one.name,
    organ,
    len(one.annotating(organ)),
    one.absent(organ),
    share,
    prior,
    ratio,
    interval,
    volume_ratio,
    verdict,
  )


def _test(labeled, one, organ):
  """(p-value of the ratio being 1, its 90 % interval); None for what a set of this size cannot have."""
  ours, theirs = one.annotating(organ), labeled.annotating(organ)
  if len(ours) < MIN_CASES or not labeled.pooled_share(organ):
    return None, None
  if one.absent(organ) == len(ours):  # no logarithm; the question is whether labelled cases lack it as often
    present = len(theirs) - labeled.absent(organ)
    return float(stats.fisher_exact([[0, len(ours)], [present, len(theirs) - present]]).pvalue), None
  log_ratio = math.log(one.pooled_share(organ) / labeled.pooled_share(organ))
  error, freedom = _log_error(one.deviations(organ), labeled.deviations(organ))
  reach = error * float(stats.t.ppf(1 - _LEVEL, freedom))
  p = 2 * float(stats.t.sf(abs(log_ratio) / error, freedom)) if error else float(log_ratio == 0)
  return p, (math.exp(log_ratio - reach), math.exp(log_ratio + reach))


def _log_error(ours, theirs):
  """Standard error of the log ratio and its degrees of freedom: Welch's, or Student's where a set is
  small."""
  counts, squares = np.array([len(ours), len(theirs)]), np.array([np.sum(ours**2), np.sum(theirs**2)])
  if counts.min() < _OWN_SPREAD_CASES:
    return math.sqrt(squares.sum() / (counts.sum() - 2) * np.sum(1 / counts)), int(counts.sum()) - 2
  parts = squares / (counts - 1) / counts
  if not parts.any():
    return 0.0, int(counts.sum()) - 2
  return math.sqrt(parts.sum()), float(parts.sum() ** 2 / np.sum(parts**2 / (counts - 1)))
