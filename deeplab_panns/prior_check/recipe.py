"""Which flagfile fits a store, by what the study has measured."""

from __future__ import annotations

from deeplab_panns.prior_check.check import Check
from deeplab_panns.prior_check.share_agreement import FAILS, HOLDS

BEST = "experiments/best.flags"
MARGINAL = "experiments/marginal.flags"


def recipe(found: Check) -> str:
  """One line: the flagfile, and the rows of the study that are the reason.

  The study knows three labelled and eighteen partial patients, slices and one network. It says nothing of
  stores with many labelled cases, and has no such choice in 3-D.
  """
  verdicts = {agreement.verdict for one in found.shown_sets() for agreement in found.of_set(one)}
  if FAILS in verdicts:
    return (
      f"Recipe: {MARGINAL}, since the prior is wrong for some sets: marginal-upper and marginal-box are 3.4 "
      "and 4.8 points above best-upper and best-box (experiments/study/results/fields/table.md)."
    )
  if HOLDS in verdicts:
    return (
      f"Recipe: {BEST}, since the prior holds where it can be checked: best is 3.5 points above marginal, on "
      "all 8 seeds (experiments/study/results/beyond/table.md)."
    )
  return (
    f"Recipe: {MARGINAL}, since nothing shows whether the prior holds: a wrong one costs {BEST} 7.7 to 9.0 "
    "points (fields/table.md), a right one gains it 3.5 (beyond/table.md in experiments/study/results)."
  )
