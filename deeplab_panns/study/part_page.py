"""The page of a part, table.md: its table, hypotheses, what is missing, and what the numbers are."""

from __future__ import annotations

import statistics

from deeplab_panns.evidence.number_text import (
  NONE,
  p_value,
  percent,
  percent_and_sd,
  points,
  points_interval,
  whole_percent,
)
from deeplab_panns.evidence.paired_tests import MIN_PAIRS
from deeplab_panns.evidence.text_table import to_markdown
from deeplab_panns.study.gains import BASELINE, INTERVAL_SEEDS, ORACLE, ORACLE_SAME_STAGE1, Gain, GapClosed
from deeplab_panns.study.plan import PlottedGain
from deeplab_panns.study.seed_scores import Scores
from deeplab_panns.study.summary import Compared, Summary, lines_of_series
from deeplab_panns.study.verdicts import Verdict

_COMPARED = ("95 % interval", "p", "seeds ahead")
_GAINED = ("difference", _COMPARED[0], _COMPARED[2])  # of `_gained`
_HEADER = (
  "cell",
  "Dice % ± sd",
  "seeds",
  f"{BASELINE} there",
  f"− {BASELINE}",
  *_COMPARED,
  "against",
  "difference",
  *_COMPARED,
  "gap closed",
  "volumes",
  "excluded",
)


def as_markdown(summary: Summary) -> str:
  """The page in Markdown."""
  missing = [f"- {name}: seeds {', '.join(map(str, seeds))}" for name, seeds in summary.missing.items()]
  table = [_HEADER, *(_row(summary, name, scores) for name, scores in summary.cells.items())]
  lines = [
    f"# {summary.part.name}",
    "",
    to_markdown(table),
    *_second_gap(summary),
    *_doses(summary),
    *_sizes(summary),
    *_hypotheses(summary),
  ]
  lines += ["## Missing", "", *(missing or ["Nothing."]), ""]
  return "\n".join([*lines, "## What the numbers are", "", _note(summary), ""])


def _row(summary: Summary, name: str, scores: Scores) -> list[str]:
  if not scores.dice:
    return [name, "not run", *[NONE] * (len(_HEADER) - 2)]
  there = summary.baseline_there(name)
  return [
    name,
    _mean(scores),
    str(len(scores.dice)),
    NONE if there is None else percent(there),
    *_compared(summary.gains.get(name)),
    scores.cell.reference or NONE,
    *_compared(summary.gains_over_reference.get(name)),
    _gap_text(summary.gaps[name]),
    str(scores.volumes),
    str(scores.excluded),
  ]


def _mean(scores: Scores) -> str:
  means = list(scores.seed_means.values())
  return percent_and_sd(statistics.fmean(means), statistics.stdev(means) if len(means) > 1 else None)


def _compared(compared: Compared | None) -> list[str]:
  if compared is None:
    return [NONE] * 4
  gain = compared.gain
  return [points(gain.difference), _interval(gain), p_value(compared.p), _ahead(gain)]


def _interval(gain: Gain) -> str:
  return points_interval(gain.interval, if_none="too few seeds")


def _ahead(gain: Gain) -> str:
  return f"{gain.ahead} of {len(gain.by_seed)}"


def _gap_text(gap: GapClosed | None) -> str:
  if gap is None:
    return NONE
  least, most = map(whole_percent, gap.of_seeds)
  return f"{whole_percent(gap.value)} %" + (f" ({least} to {most})" if least != most else "")


def _second_gap(summary: Summary) -> list[str]:
  gaps = [(name, gap) for name, gap in summary.gaps_same_stage1.items() if gap]
  if not gaps:
    return []
  closed = "; ".join(f"{name} {_gap_text(gap)}" for name, gap in gaps)
  return [f"Gap closed to {ORACLE_SAME_STAGE1}, which has the stage 1 of the other cells: {closed}.", ""]


def _doses(summary: Summary) -> list[str]:
  """What cells gain against the number of labelled patients."""
  found = summary.gains_at_doses
  if not found:
    return []
  header = ("series", "labelled patients", *_GAINED)
  rows = [(item.point.series, str(item.labeled), *_gained(item.point, item.gain)) for item in found]
  return ["## Gains against the number of labelled patients (doses.png)", "", to_markdown([header, *rows])]


def _sizes(summary: Summary) -> list[str]:
  """What cells gain against how large stage 1 draws organs."""
  found = summary.gains_at_sizes
  if not found:
    return []
  header = ("series", "stage 1", "log ratio of its sizes", *_GAINED)
  rows = [
    (item.point.series, item.point.sizes, f"{item.log_size:.2f}", *_gained(item.point, item.gain))
    for item in found
  ]
  zeros = "; ".join(
    f"{series}: {NONE if line.zero is None else f'{line.zero:.2f}'}"
    for series, line in lines_of_series(found).items()
  )
  lines = ["## Gains against the sizes that stage 1 draws", "", to_markdown([header, *rows])]
  return [
    *lines,
    f"Where the line through all seeds crosses zero (–: not among their sizes): {zeros}. sizes.png shows it.",
    "",
  ]


def _gained(point: PlottedGain, gain: Gain) -> tuple[str, str, str]:
  """The values of _GAINED."""
  return f"{point.upper} − {point.lower} {points(gain.difference)}", _interval(gain), _ahead(gain)


def _hypotheses(summary: Summary) -> list[str]:
  if not summary.verdicts:
    return []
  lines = [_hypothesis(verdict) for verdict in summary.verdicts]
  tested = sum(verdict.p is not None for verdict in summary.verdicts)
  run = sum(verdict.gain is not None for verdict in summary.verdicts)
  held = sum(verdict.verdict == "holds" for verdict in summary.verdicts)
  untested = f" {run - tested} with too few seeds for a test." if tested < run else ""
  missing = f" {len(lines) - run} not run." if run < len(lines) else ""
  return [
    "## Hypotheses",
    "",
    *lines,
    "",
    f"{held} of the {tested} that were tested hold.{untested}{missing}",
    "",
  ]


def _hypothesis(verdict: Verdict) -> str:
  margin = f" by more than {verdict.points:g} points" if verdict.points else ""
  if verdict.points < 0:
    margin = f" + {-verdict.points:g} points"
  line = f"- {verdict.lower} < {verdict.upper}{margin}, p < {verdict.level:g}: **{verdict.verdict}**"
  gain = verdict.gain
  if gain is None:
    return line + "."
  return (
    f"{line}; {verdict.upper} − {verdict.lower} = {points(gain.difference)} ({_interval(gain)}), "
    f"p{' (against the margin)' if margin else ''} {p_value(verdict.p)}, "
    f"signed-rank p {p_value(verdict.wilcoxon_p)}, ahead in {_ahead(gain)} seeds."
  )


def _note(summary: Summary) -> str:
  name = summary.part.name
  command = f"--part={name[: -len('-quick')]} --quick" if name.endswith("-quick") else f"--part={name}"
  elsewhere = summary.other_unseen
  others = (
    f"Other unseen patients, who do not compare with {BASELINE}: {', '.join(elsewhere)}. "
    if elsewhere
    else ""
  )
  return (
    f"Made by `python -m deeplab_panns.study {command}`. Dice in % on the test volumes of seeds "
    f"{', '.join(map(str, summary.seeds))}, each with patients of its own, on the store's grid. A cell's "
    "mean and sd are over its seeds, of the mean over organs of the means over volumes; cells of other seeds "
    f"do not compare, and *{BASELINE} there* is {BASELINE} on a cell's own seeds. {others}"
    "Differences are in points of Dice, matched volume by volume; a seed is one pair, its value the mean "
    "over its volumes, since the volumes of a seed share their training runs and labelled patients. "
    f"Intervals and p are of Student's t over the seeds (intervals from {INTERVAL_SEEDS} on, p from "
    f"{MIN_PAIRS}), p Holm-corrected over the cells or over "
    "the hypotheses: another family, another p. The signed-rank p of a hypothesis is not "
    "corrected. A hypothesis holds if its p is below its level. "
    f"Gap closed = (X − {BASELINE}) / ({ORACLE} − {BASELINE}) of the means over seeds, with the least and "
    "the most of a single seed. Excluded: pairs of volume and organ where neither map has the organ; an "
    "organ in one map alone has Dice 0."
  )
