"""Compares the shares of organs in a store's partial cases with those in its labelled ones, and says what
came out."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys

import numpy as np
import tqdm

from data.whole_file import write_bytes, write_text
from deeplab_panns.evidence import text_table
from deeplab_panns.prior_check import share_agreement
from deeplab_panns.prior_check.share_agreement import (
  ALL_PARTIAL,
  FAILS,
  HOLDS,
  MIN_CASES,
  TOLERANCE,
  UNCLEAR,
  Agreement,
  CaseSet,
)

LABELED = "fully labelled"
# In the order of what experiments/study/fields.table measured; exclude and correct gained nothing there.
_WITHOUT = (
  "or train without the prior by the marginal loss (--supervision=partial --partial_loss=marginal), without "
  "this set (--partial_organs), "
  "or with --prior_mismatch=exclude or correct"
)

_CUT_OFF = 0.8  # of the labelled scans' extent along an axis: smaller ones may cut organs off


@dataclasses.dataclass(frozen=True)
class Check:
  """What was compared: the labelled cases, the partial sets, the number of unlabelled cases, and what came
  out."""

  labeled: CaseSet
  sets: tuple[CaseSet, ...]
  unlabeled: int
  agreements: tuple[Agreement, ...]

  def failing(self):
    """{CaseSet: its Agreements that fail}; ALL_PARTIAL only if no set fails by itself."""
    found = {
      one: [a for a in self.agreements if a.set_name == one.name and a.verdict == FAILS] for one in self.sets
    }
    found = {one: agreements for one, agreements in found.items() if agreements}
    alone = {one: agreements for one, agreements in found.items() if one.name != ALL_PARTIAL}
    return alone or found

  def shown_sets(self):
    """Without the sets that are too small to be judged, where ALL_PARTIAL judges all their organs."""
    pooled = {organ for one in self.sets if one.name == ALL_PARTIAL for organ in one.organs}
    return [one for one in self.sets if len(one.cases) >= MIN_CASES or not set(one.organs) <= pooled]


def check(store, splits, tolerance=TOLERANCE, body_only=False):
  """Compares the labelled training cases of a Splits with its partial cases; a Check."""
  everyone = (*splits.labeled, *splits.partial)
  bar = tqdm.tqdm(everyone, "prior_check", unit="case", disable=not (body_only and sys.stderr.isatty()))
  sizes = [share_agreement.measure(case, store.organs, body_only) for case in bar]
  labeled = CaseSet(LABELED, store.organs, tuple(sizes[: len(splits.labeled)]))
  partial = sizes[len(splits.labeled) :]
  sets = tuple(share_agreement.partial_sets(partial, store.organs))
  return Check(
    labeled,
    sets,
    sum(not case.annotated for case in partial),
    tuple(share_agreement.compare(labeled, sets, tolerance)),
  )


def cases_that_agree(store, splits):
  """Ids of the partial cases but for those of sets in which the prior does not hold; a frozenset."""
  failing = check(store, splits).failing()
  return frozenset(case.id for case in splits.partial) - {case.id for one in failing for case in one.cases}


def disagreements(store, splits):
  """One line for each partial set in which the prior does not hold; [] where nothing speaks against it.

  Reads no array. For `train` with a prior to print as warnings.
  """
  found = check(store, splits)
  return [
    f"{store.path}: the prior does not hold in {advice(found.labeled, one, agreements)} See python -m "
    "deeplab_panns.prior_check."
    for one, agreements in found.failing().items()
  ]


def advice(labeled: CaseSet, one: CaseSet, failing):
  """What is wrong with a set, why, and what to do, in one line that begins with the set."""
  organs = ", ".join(f"{a.organ} {_times(a.ratio)} q" for a in failing)
  start = f"'{one.name}' ({len(one.cases)} cases): {organs}."
  present = [a for a in failing if a.ratio > 0]
  if not present:
    mistake = 'No case has a voxel of what it annotates: correct "annotated" or "labels" in the manifest'
    return f"{start} {mistake}, {_WITHOUT}."
  if np.median([math.log(a.volume_ratio) / math.log(a.ratio) for a in present]) < 0.5:
    return (
      f"{start} Its scans cover {_extent(one)} (z, y, x, median), the labelled ones {_extent(labeled)}: crop "
      "both to the same "
      f"field of view before data.prepare, {_WITHOUT}."
    )
  volumes = ", ".join(f"{a.organ} {_times(a.volume_ratio)} the volume" for a in present)
  if all(a.volume_ratio < 1 for a in present) and min(np.divide(one.extent_mm, labeled.extent_mm)) < _CUT_OFF:
    return (
      f"{start} Its scans, {_extent(one)} (z, y, x, median; the labelled ones {_extent(labeled)}), may end "
      f"within the organs ({volumes}): "
      f"crop the labelled scans likewise before data.prepare, {_WITHOUT}."
    )
  return (
    f"{start} The organs themselves differ ({volumes}), so cropping will not help: other patients, other "
    "borders or a wrong label; "
    f"annotate some of these cases in full, which corrects q, {_WITHOUT}."
  )


def _times(ratio):
  return f"{ratio:.2g} times"


def _ml(one, organ):
  volume = one.mean_ml(organ)
  return f"{volume:.0f}" if volume >= 100 else f"{volume:.3g}"


def _extent(one):
  return " x ".join(f"{value:.0f}" for value in one.extent_mm) + " mm"


def verdict_table(found: Check):
  """Rows of text, one for each set and organ; the first is the header."""
  rows = [
    [
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
    ]
  ]
  for one in found.shown_sets():
    for a in found.agreements:
      if a.set_name == one.name:
        interval = f"{a.interval[0]:.2f} to {a.interval[1]:.2f}" if a.interval else "-"
        rows.append(
          [
            one.name,
            a.organ,
            str(a.cases),
            str(a.absent),
            f"{100 * a.share:.3g}",
            f"{100 * a.prior:.3g}",
            f"{a.ratio:.2f}",
            interval,
            _ml(one, a.organ),
            _ml(found.labeled, a.organ),
            verdict(a),
          ]
        )
  return rows


def verdict(agreement):
  """In words, with the ratio where the prior does not hold."""
  if agreement.verdict != FAILS:
    return agreement.verdict
  return f"{FAILS}: " + (f"{_times(agreement.ratio)} q" if agreement.ratio else "absent in all")


def scan_table(found: Check):
  """Rows of text: how many cases, and how much of the patient their scans cover."""
  rows = [["cases", "number", "scan (z, y, x), median"]]
  return rows + [
    [one.name, str(len(one.cases)), _extent(one)] for one in (found.labeled, *found.shown_sets())
  ]


def conclusions(found: Check, tolerance, body_only):
  """The lines below the tables: the verdict in numbers, advice for each set that fails, and what could not be
  compared."""
  shown = [a for one in found.shown_sets() for a in found.agreements if a.set_name == one.name]
  counts = ", ".join(f"{kind} {sum(a.verdict == kind for a in shown)}" for kind in (HOLDS, FAILS, UNCLEAR))
  lines = [
    f"Verdict on {len(shown)} pairs of set and organ, within a factor of {tolerance:g} of q: {counts}."
  ]
  lines += [f"Does not hold in {advice(found.labeled, *failing)}" for failing in found.failing().items()]
  if found.failing() and not body_only:
    lines.append("If the prior holds with --body_only, the scans differ only in the air around the patient.")
  unseen = [organ for organ in found.labeled.organs if all(organ not in one.organs for one in found.sets)]
  if unseen:
    lines.append(f"Not to be checked, since no partial case annotates them: {', '.join(unseen)}.")
  hidden = len(found.sets) - len(found.shown_sets())
  if hidden:
    lines.append(f"{hidden} sets of fewer than {MIN_CASES} cases count in '{ALL_PARTIAL}' alone.")
  if found.unlabeled:
    lines.append(f"{found.unlabeled} unlabelled cases: nothing to compare.")
  return lines


def csv_tables(found: Check):
  """(prior_check.csv, prior_check_cases.csv) as text, every digit kept."""
  rows: list[list] = [
    [
      "set",
      "organ",
      "cases",
      "absent",
      "share",
      "q",
      "ratio",
      "ratio_low",
      "ratio_high",
      "volume_ratio",
      "verdict",
    ]
  ]
  rows += [
    [
      a.set_name,
      a.organ,
      a.cases,
      a.absent,
      a.share,
      a.prior,
      a.ratio,
      *(a.interval or (math.nan, math.nan)),
      a.volume_ratio,
      a.verdict,
    ]
    for a in found.agreements
  ]
  cases: list[list] = [
    ["case", "set", "organ", "share", "q", "volume_ml", "scan_z_mm", "scan_y_mm", "scan_x_mm"]
  ]
  for one in (found.labeled, *(one for one in found.sets if one.name != ALL_PARTIAL)):
    for organ in one.organs:
      prior = found.labeled.pooled_share(organ)
      cases += [
        [case.id, one.name, organ, share, prior, case.voxels[organ] * case.voxel_ml, *case.extent_mm]
        for case, share in zip(one.annotating(organ), one.shares(organ))
      ]
  return text_table.to_csv(rows), text_table.to_csv(cases)


def write(found: Check, output_dir, tolerance, body_only):
  """Writes prior_check.csv, prior_check_cases.csv and prior_check.png."""
  from deeplab_panns.prior_check import agreement_figure

  output_dir = pathlib.Path(output_dir)
  output_dir.mkdir(parents=True, exist_ok=True)
  for name, text in zip(("prior_check.csv", "prior_check_cases.csv"), csv_tables(found)):
    write_text(output_dir / name, text)
  write_bytes(output_dir / "prior_check.png", agreement_figure.draw(found, tolerance, body_only))
  print(f"{output_dir / 'prior_check.csv'}, prior_check_cases.csv, prior_check.png")
