"""Compares the shares of organs in a store's partial cases with those in its labelled ones."""

from __future__ import annotations

import dataclasses
import sys

import tqdm

from data.stored.splits import Splits
from data.stored.store import Store
from deeplab_panns.prior_check import share_agreement
from deeplab_panns.prior_check.advice import advice
from deeplab_panns.prior_check.case_sets import ALL_PARTIAL, CaseSet, measure, partial_sets
from deeplab_panns.prior_check.recipe import (
  anchored_prior_fits,
  of_other_sizes,
  of_unlabeled,
  other_field,
  recipe,
  unlabeled_of_other_field,
)
from deeplab_panns.prior_check.share_agreement import FAILS, MIN_CASES, TOLERANCE, Agreement

LABELED, UNLABELED = "fully labelled", "unlabelled"


@dataclasses.dataclass(frozen=True)
class Check:
  """What was compared, and what came out.

  Attributes:
    labeled: the fully labelled cases, whose shares are q.
    sets: the partial cases that annotate an organ.
    unlabeled: the cases that annotate none.
    agreements: one for each set and organ.
    tolerance: factor by which a share may be off q, up or down.
    body_only: whether only voxels above -125 HU were counted.
  """

  labeled: CaseSet
  sets: tuple[CaseSet, ...]
  unlabeled: CaseSet
  agreements: tuple[Agreement, ...]
  tolerance: float = TOLERANCE
  body_only: bool = False

  def of_set(self, one: CaseSet) -> list[Agreement]:
    """The agreements of a set, in the order of its organs."""
    return [agreement for agreement in self.agreements if agreement.set_name == one.name]

  def failing(self) -> dict[CaseSet, list[Agreement]]:
    """The sets in which the prior does not hold, with the agreements that fail.

    ALL_PARTIAL is among them only if no other set is.
    """
    found = {one: [a for a in self.of_set(one) if a.verdict == FAILS] for one in self.sets}
    found = {one: agreements for one, agreements in found.items() if agreements}
    alone = {one: agreements for one, agreements in found.items() if one.name != ALL_PARTIAL}
    return alone or found

  def annotation_sets(self) -> list[CaseSet]:
    """The cases by the organs that they annotate, without ALL_PARTIAL."""
    return [one for one in self.sets if one.name != ALL_PARTIAL]

  def shown_sets(self) -> list[CaseSet]:
    """All but the sets that are too small to be judged and whose organs ALL_PARTIAL judges."""
    pooled = {organ for one in self.sets if one.name == ALL_PARTIAL for organ in one.organs}
    return [one for one in self.sets if len(one.cases) >= MIN_CASES or not set(one.organs) <= pooled]


def check(
  store: Store,
  splits: Splits,
  tolerance: float = TOLERANCE,
  body_only: bool = False,
  cases_alike: bool = False,
) -> Check:
  """Compares the labelled training cases with the partial ones.

  Args:
    tolerance: factor above 1 by which a share may be off q, up or down.
    body_only: as in `measure`.
    cases_alike: as in CaseSet.
  Raises:
    InputError: If a case has no voxel to count.
  """
  everyone = (*splits.labeled, *splits.partial)
  bar = tqdm.tqdm(everyone, "prior_check", unit="case", disable=not (body_only and sys.stderr.isatty()))
  sizes = [measure(case, store.organs, body_only) for case in bar]
  labeled = CaseSet(LABELED, store.organs, tuple(sizes[: len(splits.labeled)]), cases_alike)
  partial = sizes[len(splits.labeled) :]
  sets = tuple(partial_sets(partial, store.organs, cases_alike))
  agreements = tuple(share_agreement.compare(labeled, sets, tolerance))
  unlabeled = CaseSet(UNLABELED, (), tuple(case for case in partial if not case.annotated))
  return Check(labeled, sets, unlabeled, agreements, tolerance, body_only)


def cases_that_agree(store: Store, splits: Splits, cases_alike: bool = False) -> frozenset[str]:
  """Ids of the partial cases, without those of sets in which the prior does not hold and the unlabelled ones
  of another field of view."""
  found = check(store, splits, cases_alike=cases_alike)
  left_out = [*unlabeled_of_other_field(found), *(case for one in found.failing() for case in one.cases)]
  return frozenset(case.id for case in splits.partial) - {case.id for case in left_out}


def disagreements(
  store: Store, splits: Splits, anchored: bool = False, cases_alike: bool = False
) -> list[str]:
  """One line for each partial set in which the prior does not hold, and one for the flagfile that fits; [] if
  nothing speaks against the prior.

  Reads no array. For `train` with a prior to print as warnings.

  Args:
    anchored: whether the prior is anchored on the annotated organs, so that scans may show another part, and
      does not count unlabelled ones.
    cases_alike: as in CaseSet.
  """
  found = check(store, splits, cases_alike=cases_alike)
  if anchored and anchored_prior_fits(found):
    return []
  failing = of_other_sizes(found) if anchored else found.failing()
  lines = [
    f"{store.path}: the prior does not hold in {advice(found.labeled, one, agreements)} "
    "See python -m deeplab_panns.prior_check."
    for one, agreements in failing.items()
  ]
  if not anchored:
    lines += [f"{store.path}: {line}" for line in of_unlabeled(found)]
  return [*lines, f"{store.path}: {recipe(found)}"] if lines or other_field(found) else []
