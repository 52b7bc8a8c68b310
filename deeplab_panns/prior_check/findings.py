"""What a check found, as tables and sentences. A table's rows are lists of text, the first the header."""

from __future__ import annotations

from deeplab_panns.evidence import number_text
from deeplab_panns.prior_check.advice import advice
from deeplab_panns.prior_check.case_sets import ALL_PARTIAL, CaseSet
from deeplab_panns.prior_check.check import Check
from deeplab_panns.prior_check.recipe import of_unlabeled
from deeplab_panns.prior_check.share_agreement import FAILS, HOLDS, MIN_CASES, UNCLEAR, Agreement

_COLUMNS = (
  "partial set",
  "organ",
  "cases",
  "absent",
  "share %",
  "q %",
  "share / q",
  "90 %",
  "mean mL",
  "labelled mL",
  "verdict",
)


def verdict_table(found: Check) -> list[list[str]]:
  """A row for each shown set and organ."""
  return [
    list(_COLUMNS),
    *(_row(found, one, agreement) for one in found.shown_sets() for agreement in found.of_set(one)),
  ]


def _row(found: Check, one: CaseSet, agreement: Agreement) -> list[str]:
  organ = agreement.organ
  return [
    one.name,
    organ,
    str(agreement.cases),
    str(agreement.absent),
    number_text.percent_to_3_digits(agreement.share),
    number_text.percent_to_3_digits(agreement.prior),
    number_text.ratio(agreement.ratio),
    number_text.ratio_interval(agreement.interval),
    number_text.millilitres(one.mean_ml(organ)),
    number_text.millilitres(found.labeled.mean_ml(organ)),
    verdict(agreement),
  ]


def verdict(agreement: Agreement) -> str:
  """The verdict in words, with the ratio where the prior does not hold."""
  if agreement.verdict != FAILS:
    return agreement.verdict
  return f"{FAILS}: " + (
    f"{number_text.factor(agreement.ratio)} times q" if agreement.ratio else "absent in all"
  )


def scan_table(found: Check) -> list[list[str]]:
  """A row for the labelled cases and for each shown set: how many cases, and how large their scans are."""
  return [
    ["cases", "number", "scan (z, y, x), median"],
    *(
      [one.name, str(len(one.cases)), number_text.extent(one.extent_mm)]
      for one in (found.labeled, *found.shown_sets())
    ),
  ]


def conclusions(found: Check) -> list[str]:
  """The lines below the tables: the verdicts counted, advice for each set that fails, and what could not be
  compared."""
  shown = [agreement for one in found.shown_sets() for agreement in found.of_set(one)]
  counts = ", ".join(f"{kind} {sum(a.verdict == kind for a in shown)}" for kind in (HOLDS, FAILS, UNCLEAR))
  lines = [
    f"Verdict on {len(shown)} pairs of set and organ, within a factor of {found.tolerance:g} of q: {counts}."
  ]
  failing = found.failing()
  lines += [
    f"Does not hold in {advice(found.labeled, one, agreements)}" for one, agreements in failing.items()
  ]
  if failing and not found.body_only:
    lines.append("If the prior holds with --body_only, the scans differ only in the air around the patient.")
  return lines + _not_compared(found)


def _not_compared(found: Check) -> list[str]:
  lines = []
  unseen = [organ for organ in found.labeled.organs if all(organ not in one.organs for one in found.sets)]
  if unseen:
    lines.append(f"Not to be checked, since no partial case annotates them: {', '.join(unseen)}.")
  hidden = len(found.sets) - len(found.shown_sets())
  if hidden:
    lines.append(f"{hidden} sets of fewer than {MIN_CASES} cases count in '{ALL_PARTIAL}' alone.")
  if found.unlabeled.cases:
    lines.append(f"{len(found.unlabeled.cases)} unlabelled cases: nothing to compare.")
  return lines + of_unlabeled(found)
