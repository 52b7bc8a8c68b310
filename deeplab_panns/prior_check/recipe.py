"""Which flagfile fits a store, by what the study has measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Floats
from data.listed import listed
from deeplab_panns.evidence.number_text import extent
from deeplab_panns.prior_check.case_sets import CaseSet, CaseSizes
from deeplab_panns.prior_check.share_agreement import HOLDS, Agreement

if TYPE_CHECKING:  # which asks for a recipe in its turn
  from deeplab_panns.prior_check.check import Check

BEST = "experiments/best.flags"
BEST_3D = "best3d.flags"
MARGINAL = "experiments/marginal.flags"
MARGINAL_3D = "marginal3d.flags"
# Points of Dice above the labelled cases alone, by their number: naive pseudo-labels, PaNN, and an averaged
# teacher with aligned pseudo-labels (experiments/study/dose.table, lambda1 = 1/3).
_NONE_SHOWN, _LAST_SHOWN = "no gain that was shown", "the last alone on every seed"
_GAINS_OF_MANY = {
  24: ((-0.8, -0.5, 0.3), _NONE_SHOWN),
  12: ((-0.9, -0.1, 0.4), _NONE_SHOWN),
  6: ((-1.5, 1.3, 2.4), _LAST_SHOWN),
}
_UNEQUAL = 4  # factor between the cases of two sets
_ALIKE = 1.25  # factor by which two median extents may differ, up or down, and still be one field of view


def recipe(found: Check) -> str:
  """One line: the flagfile, and the rows of the study that are the reason.

  The anchored prior of BEST finds each partial scan's place by the organ that is annotated there, so it does
  not matter which part of the body a scan shows, as long as the labelled scans show that part. It needs scans
  whose organs are as large as the labelled patients'.

  In 3-D the study found it ahead too; where all partial scans are boxes around the liver on eight seeds,
  while on six others it could not be told from the marginal loss. A 3-D network cannot learn from single
  slices.

  The study knows three labelled and eighteen partial patients and a small network; of more see
  `with_many_labeled`.
  """
  flagfile, reason = _choice(found)
  if any(one.of_separate_slices for one in found.shown_sets()):
    return f"Recipe: {flagfile}, since {reason}"
  in_3d = BEST_3D if flagfile == BEST else MARGINAL_3D
  return f"Recipe: {flagfile} (in 3-D {in_3d}), since {reason}"


def _choice(found: Check) -> tuple[str, str]:
  """The flagfile, and why."""
  if all(case.separate_slices for case in found.labeled.cases):
    return MARGINAL, "the labelled cases are single slices, which do not say what lies around an organ."
  other = other_field(found)
  if other is not None and _unplaced(found, other):
    return MARGINAL, _other_words(found, other)
  differing = of_other_sizes(found)
  if differing:
    names = [f"'{one.name}'" for one in differing]
    return MARGINAL, (
      f"organs of {listed(names, 2)} are of other sizes, which no field of view explains: "
      "a wrong prior put aligned.flags 3.4 and 4.8 points below the marginal loss "
      "(experiments/study/results/fields/table.md)."
    )
  if other is not None:
    gain = (
      "there placed-logits is 2.1 to 4.2 points above the marginal loss, in 3-D 3.5 to 4.6, but 0.1 in boxes "
      "of six seeds (experiments/study: place, onebox, fields3d, upper3d, box3d, box3d_again)."
    )
    return BEST, f"{_other_words(found, other)}: {gain}"
  verdicts = {agreement.verdict for one in found.shown_sets() for agreement in found.of_set(one)}
  held = (
    "the prior holds where it can be checked" if HOLDS in verdicts else "nothing speaks against the prior"
  )
  gain = "placed-logits is 4.0 points above the marginal loss, on 6 of 6 seeds"
  return BEST, f"{held}: {gain} (experiments/study/results/place/table.md)."


def with_many_labeled(found: Check) -> list[str]:
  """A line where, beside so many labelled cases, partial ones gained little or nothing; else none."""
  for count, (gains, shown) in _GAINS_OF_MANY.items():
    if len(found.labeled.cases) >= count:
      naive, panns, aligned = (f"{gain:+.1f}" for gain in gains)
      return [
        f"With {count} labelled phantoms 36 partial ones changed Dice by {naive} points by naive "
        f"pseudo-labels, {panns} by PaNN and {aligned} by an averaged teacher and aligned pseudo-labels, "
        f"{shown} (experiments/study/results/dose/table.md): compare with --supervision=full."
      ]
  return []


def with_unequal_sets(found: Check) -> list[str]:
  """A line where one set has `_UNEQUAL` times the cases of another, else none."""
  counts = sorted((len(one.cases) for one in found.annotation_sets()), reverse=True)
  if counts[0] < _UNEQUAL * counts[-1]:
    return []
  # cases that lost labels one by one are as many sets as cases
  some = len(counts) <= 4
  sizes = f"{', '.join(map(str, counts[:-1]))} and {counts[-1]}" if some else f"{counts[0]} to {counts[-1]}"
  return [
    f"Sets of {sizes} cases: of slices --case_weighting=root "
    "draws the small ones more often. With 82, 9 and 3 real scans Dice went from 88.7 to 87.7 for the organ "
    "of the first set (34 scans held out), 67.6 to 81.9 (4) and 0.0 to 39.3 (2) for the others "
    '(experiments/README.md, "Real patients").'
  ]


def anchored_prior_fits(found: Check) -> bool:
  """Whether `recipe` names BEST."""
  return _choice(found)[0] == BEST


def other_field(found: Check) -> CaseSet | None:
  """A shown set whose scans are larger or smaller than the labelled ones, or are separate slices: the first
  for which the anchored prior is nothing, or else the first.

  Then un-annotated organs have other shares, even where those of the annotated ones agree.
  """
  others = []
  for one in found.shown_sets():
    ratios = _extent_ratios(found, one)
    if one.of_separate_slices or ratios.max() > _ALIKE or ratios.min() < 1 / _ALIKE:
      others.append(one)
  return min(others, key=lambda one: not _unplaced(found, one), default=None)


def of_other_sizes(found: Check) -> dict[CaseSet, list[Agreement]]:
  """The sets in which the prior does not hold, with the agreements that no smaller field of view explains.

  A scan that shows less may cut an organ off and gives it another share, but makes it no larger; and where no
  case has a voxel of it, the annotation may be wrong.
  """
  unexplained = {
    one: [a for a in agreements if a.is_larger or not a.ratio or not _is_smaller(found, one)]
    for one, agreements in found.failing().items()
  }
  return {one: agreements for one, agreements in unexplained.items() if agreements}


def unlabeled_of_other_field(found: Check) -> list[CaseSizes]:
  """The unlabelled cases whose scans are larger or smaller than every labelled one."""
  extents = found.labeled.extents_mm
  low, high = extents.min(axis=0) / _ALIKE, extents.max(axis=0) * _ALIKE
  return [
    case
    for case in found.unlabeled.cases
    if case.separate_slices or np.any(case.extent_mm < low) or np.any(case.extent_mm > high)
  ]


def of_unlabeled(found: Check) -> list[str]:
  """A line on `unlabeled_of_other_field`, else none."""
  others = unlabeled_of_other_field(found)
  if not others:
    return []
  some = listed([f"{case.id} ({extent(case.extent_mm)})" for case in others], 1)
  return [
    f"{len(others)} of {len(found.unlabeled.cases)} unlabelled cases show another field of view than the "
    f"labelled scans ({extent(found.labeled.extent_mm)}, median): {some}. Their organs may have other "
    "shares, which no annotation can tell; --anchored_prior and --prior_mismatch=exclude do not count them."
  ]


def _is_smaller(found: Check, one: CaseSet) -> bool:
  """Whether its scans show less than the labelled ones, and nothing beyond."""
  shows_less = bool(_extent_ratios(found, one).min() < 1 / _ALIKE)
  return shows_less and not _unplaced(found, one)


def _unplaced(found: Check, other: CaseSet) -> bool:
  return other.of_separate_slices or _beyond(found, other)


def _beyond(found: Check, other: CaseSet) -> bool:
  """Whether its scans reach farther than the labelled ones."""
  return bool(_extent_ratios(found, other).max() > _ALIKE)


def _extent_ratios(found: Check, one: CaseSet) -> Floats:
  """(z, y, x), of its scans' median extent to that of the labelled ones."""
  return np.divide(one.extent_mm, found.labeled.extent_mm)


def _other_words(found: Check, other: CaseSet) -> str:
  if other.of_separate_slices:
    return (
      f"'{other.name}' are single slices, chosen by what they show: there the prior of a whole scan cost "
      '14.3 points of the liver, the anchored one 3.0 (experiments/README.md, "Real patients").'
    )
  ours, theirs = extent(other.extent_mm), extent(found.labeled.extent_mm)
  if _beyond(found, other):
    return (
      f"'{other.name}' covers {ours}, the labelled scans {theirs}: no labelled scan shows what lies beyond."
    )
  return f"'{other.name}' covers {ours}, the labelled scans {theirs}"
