"""The files of a part's summary: table.md to be read, table.csv with ten digits, organs.csv and
organ_gains.csv, a picture."""

from __future__ import annotations

import statistics as plain
from typing import Any

from data.whole_file import write_bytes, write_text
from deeplab_panns.evidence.paired_tests import MIN_PAIRS
from deeplab_panns.evidence.text_table import to_csv, to_markdown
from deeplab_panns.report.result_tables import NONE, p_value, percent, points, whole_percent
from deeplab_panns.study.gain_figure import draw
from deeplab_panns.study.seed_scores import BASELINE, INTERVAL_SEEDS, ORACLE
from deeplab_panns.study.summary import Summary

_COMPARED = (
  "difference",
  "interval_low",
  "interval_high",
  "ttest_p",
  "ttest_p_holm",
  "wilcoxon_p",
  "seeds",
  "seeds_ahead",
)


def write_summary(summary: Summary, folder):
  """Writes table.md, table.csv, organs.csv, organ_gains.csv and, where there is something to draw, gains.png
  into `folder`."""
  folder.mkdir(parents=True, exist_ok=True)
  write_text(folder / "table.md", as_markdown(summary))
  write_text(folder / "table.csv", to_csv(exact_table(summary)))
  write_text(folder / "organs.csv", to_csv(organ_table(summary)))
  write_text(folder / "organ_gains.csv", to_csv(organ_gain_table(summary)))
  if summary.gains:
    write_bytes(folder / "gains.png", draw(summary))


def as_markdown(summary: Summary):
  """The page: table, hypotheses, what is missing, and what the numbers are of."""
  missing = [f"- {name}: seeds {', '.join(map(str, seeds))}" for name, seeds in summary.missing.items()]
  lines = [f"# {summary.part.name}", "", to_markdown(_table(summary)), *_hypotheses(summary)]
  lines += ["## Missing", "", *(missing or ["Nothing."]), ""]
  return "\n".join([*lines, "## What the numbers are", "", _note(summary), ""])


def _table(summary):
  compared = ["95 % interval", "p", "seeds ahead"]
  rows = [
    [
      "cell",
      "Dice % ± sd",
      "seeds",
      f"{BASELINE} there",
      f"− {BASELINE}",
      *compared,
      "against",
      "difference",
      *compared,
      "gap closed",
      "volumes",
      "excluded",
    ]
  ]
  for name, scores in summary.cells.items():
    if not scores.dice:
      rows.append([name, "not run", *[NONE] * (len(rows[0]) - 2)])
      continue
    there = summary.baseline_there(name)
    rows.append(
      [
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
    )
  return rows


def _mean(scores):
  means = list(scores.seed_means.values())
  return percent(plain.fmean(means)) + (f" ± {percent(plain.stdev(means))}" if len(means) > 1 else "")


def _compared(compared):
  if compared is None:
    return [NONE] * 4
  gain = compared.gain
  return [points(gain.difference), _interval(gain), p_value(compared.p), _ahead(gain)]


def _interval(gain):
  return "too few seeds" if gain.interval is None else " to ".join(points(end) for end in gain.interval)


def _ahead(gain):
  return f"{gain.ahead} of {len(gain.by_seed)}"


def _gap_text(gap):
  if gap is None:
    return NONE
  least, most = map(whole_percent, gap.of_seeds)
  return f"{whole_percent(gap.value)} %" + (f" ({least} to {most})" if least != most else "")


def _hypotheses(summary):
  if not summary.verdicts:
    return []
  lines = [_hypothesis(verdict) for verdict in summary.verdicts]
  run = sum(verdict.gain is not None for verdict in summary.verdicts)
  held = sum(verdict.verdict == "holds" for verdict in summary.verdicts)
  missing = f" {len(lines) - run} not run." if run < len(lines) else ""
  return ["## Hypotheses", "", *lines, "", f"{held} of the {run} that were run hold.{missing}", ""]


def _hypothesis(verdict):
  margin = f" by more than {verdict.points:g} points" if verdict.points else ""
  line = f"- {verdict.lower} < {verdict.upper}{margin}, p < {verdict.level:g}: **{verdict.verdict}**"
  if verdict.gain is None:
    return line + "."
  return (
    f"{line}; {verdict.upper} − {verdict.lower} = {points(verdict.gain.difference)} "
    f"({_interval(verdict.gain)}), "
    f"p{' (against the margin)' if margin else ''} {p_value(verdict.p)}, signed-rank p "
    f"{p_value(verdict.wilcoxon_p)}, ahead in {_ahead(verdict.gain)} seeds."
  )


def _note(summary):
  name = summary.part.name
  command = f"--part={name[: -len('-quick')]} --quick" if name.endswith("-quick") else f"--part={name}"
  return (
    f"Made by `python -m deeplab_panns.study {command}`. Dice in % on the test volumes of seeds "
    f"{', '.join(map(str, summary.seeds))}, each with patients of its own, on the store's grid. A cell's "
    "mean and sd are over its seeds, of the mean over organs of the means over volumes; cells of other seeds "
    "do not compare, "
    f"and *{BASELINE} there* is {BASELINE} on a cell's own seeds. Differences are in points of Dice, matched "
    "volume by volume; "
    "a seed is one pair, its value the mean over its volumes, since the volumes of a seed share their "
    "training runs and labelled "
    f"patients. Intervals and p are of Student's t over the seeds (intervals from {INTERVAL_SEEDS} on, p "
    f"from {MIN_PAIRS}), p Holm-corrected "
    "over the cells or over the hypotheses: another family, another p. The signed-rank p of a hypothesis is "
    "not corrected. "
    "A hypothesis holds if its p is below its level. "
    f"Gap closed = (X − {BASELINE}) / ({ORACLE} − {BASELINE}) of the means over seeds, with the least and "
    "the most of a single seed. "
    "Excluded: pairs of volume and organ where neither map has the organ; an organ in one map alone has Dice "
    "0."
  )


def organ_table(summary: Summary):
  """Mean Dice by cell and organ over the volumes of all seeds."""
  run = [scores for scores in summary.cells.values() if scores.dice]
  header = ["cell", "seeds", *(run[0].organs if run else ())]
  return [header] + [
    [scores.cell.name, str(len(scores.dice)), *(f"{mean:.4f}" for mean in scores.organ_means)]
    for scores in run
  ]


def organ_gain_table(summary: Summary):
  """What each cell gains over its reference, organ by organ; ttest_p_holm is corrected over the organs of a
  cell."""
  rows: list[list[Any]] = [["cell", "reference", "organ", *_COMPARED]]
  for name, gains in summary.organ_gains.items():
    rows += [
      [name, summary.cells[name].cell.reference, organ, *_exact(compared)]
      for organ, compared in gains.items()
    ]
  return [[_field(value) for value in row] for row in rows]


def exact_table(summary: Summary):
  """The numbers behind table.md, Dice as a share; a cell that was not run has empty fields."""
  rows: list[list[Any]] = [
    [
      "cell",
      "cohort",
      "dice",
      "sd_over_seeds",
      "seeds",
      "full_dice_there",
      "volumes",
      "excluded",
      *(f"full_{name}" for name in _COMPARED),
      "reference",
      *(f"reference_{name}" for name in _COMPARED),
      "gap_closed",
      "gap_of_least_seed",
      "gap_of_most_seed",
      "missing_seeds",
      "flags",
    ]
  ]
  for name, scores in summary.cells.items():
    means, gap = list(scores.seed_means.values()), summary.gaps[name]
    rows.append(
      [
        name,
        scores.cell.cohort,
        plain.fmean(means) if means else None,
        plain.stdev(means) if len(means) > 1 else None,
        len(means),
        summary.baseline_there(name),
        scores.volumes,
        scores.excluded,
        *_exact(summary.gains.get(name)),
        scores.cell.reference,
        *_exact(summary.gains_over_reference.get(name)),
        *([None] * 3 if gap is None else [gap.value, *gap.of_seeds]),
        " ".join(map(str, scores.missing)),
        " ".join(f"--{flag}={value}" for flag, value in scores.cell.flags.items()),
      ]
    )
  return [[_field(value) for value in row] for row in rows]


def _field(value):
  """Ten digits: further ones depend on the machine's order of summing."""
  return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _exact(compared):
  if compared is None:
    return [None] * len(_COMPARED)
  gain = compared.gain
  return [
    gain.difference,
    *(gain.interval or (None, None)),
    gain.p,
    compared.p,
    gain.wilcoxon_p,
    len(gain.by_seed),
    gain.ahead,
  ]
