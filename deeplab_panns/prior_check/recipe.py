"""Which flagfile fits a store, by what the study has measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplab_panns.evidence.number_text import extent
from deeplab_panns.prior_check.case_sets import CaseSet
from deeplab_panns.prior_check.share_agreement import FAILS, HOLDS, MIN_CASES

if TYPE_CHECKING:  # which asks for a recipe in its turn
  from deeplab_panns.prior_check.check import Check

BEST = "experiments/best.flags"
MARGINAL = "experiments/marginal.flags"
_ALIKE = 1.25  # factor by which two median extents may differ, up or down, and still be one field of view


def recipe(found: Check) -> str:
  """One line: the flagfile, and the rows of the study that are the reason.

  Few cases rarely prove that the prior holds: of 8 cohorts as the study has them (3 labelled and 18 partial
  patients, whole scans) the intervals did in 3. So shares that are within the tolerance are enough where the
  scans are equally large.

  The study knows three labelled and eighteen partial patients, slices and one network. It says nothing of
  stores with many labelled cases, and has no such choice in 3-D.
  """
  agreements = [agreement for one in found.shown_sets() for agreement in found.of_set(one)]
  verdicts = {agreement.verdict for agreement in agreements}
  gains = "marginal-upper and marginal-box are 3.4 and 4.8 points above best-upper and best-box"
  if FAILS in verdicts:
    return (
      f"Recipe: {MARGINAL}, since the prior is wrong for some sets: {gains} "
      "(experiments/study/results/fields/table.md)."
    )
  other = other_field(found)
  if other is not None:
    return f"Recipe: {MARGINAL}, since {_other_words(found, other)}: {gains} (fields/table.md)."
  enough = all(len(one.cases) >= MIN_CASES for one in found.shown_sets())
  within = all(1 / found.tolerance <= agreement.ratio <= found.tolerance for agreement in agreements)
  if HOLDS in verdicts or (agreements and enough and within):
    held = "the prior holds where it can be checked" if HOLDS in verdicts else "no share is far from q"
    return (
      f"Recipe: {BEST}, since {held}: best is 3.5 points above marginal, on "
      "all 8 seeds (experiments/study/results/beyond/table.md)."
    )
  return (
    f"Recipe: {MARGINAL}, since nothing shows whether the prior holds: a wrong one costs {BEST} 7.7 to 9.0 "
    "points (fields/table.md), a right one gains it 3.5 (beyond/table.md in experiments/study/results)."
  )


def other_field(found: Check) -> CaseSet | None:
  """The first shown set whose scans are larger or smaller than the labelled ones, or are separate slices.

  Then un-annotated organs have other shares, even where those of the annotated ones agree.
  """
  for one in found.shown_sets():
    ratios = np.divide(one.extent_mm, found.labeled.extent_mm)
    if one.of_separate_slices or ratios.max() > _ALIKE or ratios.min() < 1 / _ALIKE:
      return one
  return None


def _other_words(found: Check, other: CaseSet) -> str:
  if other.of_separate_slices:
    return f"'{other.name}' are single slices, chosen by what they show"
  ours, theirs = extent(other.extent_mm), extent(found.labeled.extent_mm)
  return f"'{other.name}' covers {ours}, the labelled scans {theirs}"
