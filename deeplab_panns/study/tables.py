"""The files of a part's summary: table.md to be read, table.csv with every digit, organs.csv, a picture."""
from __future__ import annotations

import statistics as plain
from typing import Any

from data.whole_file import write_bytes, write_text
from deeplab_panns.report.tables import NONE, interval, p_value, percent, points
from deeplab_panns.statistics import MIN_PAIRS
from deeplab_panns.study.figure import draw
from deeplab_panns.study.scores import BASELINE, ORACLE
from deeplab_panns.study.summary import Summary
from deeplab_panns.text_table import to_csv, to_markdown

_COMPARED = ("difference", "interval_low", "interval_high", "wilcoxon_p", "wilcoxon_p_holm", "seeds_ahead",
             "over_seeds_low", "over_seeds_high", "over_seeds_ttest_p")


def write_summary(summary: Summary, folder):
  """Writes table.md, table.csv, organs.csv and, where there is something to draw, gains.png into `folder`."""
  folder.mkdir(parents=True, exist_ok=True)
  write_text(folder / "table.md", as_markdown(summary))
  write_text(folder / "table.csv", to_csv(exact_table(summary)))
  write_text(folder / "organs.csv", to_csv(organ_table(summary)))
  if summary.gains:
    write_bytes(folder / "gains.png", draw(summary))


def as_markdown(summary: Summary):
  """The page: table, hypotheses, what is missing, and what the numbers are of."""
  missing = [f"- {name}: seeds {', '.join(map(str, seeds))}" for name, seeds in summary.missing.items()]
  lines = [f"# {summary.part.name}", "", to_markdown(_table(summary)), *_hypotheses(summary)]
  lines += ["## Missing", "", *(missing or ["Nothing."]), ""]
  return "\n".join([*lines, "## What the numbers are", "", _note(summary), ""])


def _table(summary):
  compared = ["95 % interval", "p", "over seeds"]
  rows = [["cell", "Dice % ± sd", f"− {BASELINE}", *compared, "against", "difference", *compared,
           "gap closed", "seeds", "volumes", "excluded"]]
  for name, scores in summary.cells.items():
    if not scores.dice:
      rows.append([name, "not run", *[NONE] * (len(rows[0]) - 2)])
      continue
    counts = [str(count) for count in (len(scores.dice), scores.volumes, scores.excluded)]
    rows.append([name, _mean(scores), *_compared(summary.gains.get(name)), scores.cell.reference or NONE,
                 *_compared(summary.gains_over_reference.get(name)), _gap_text(summary.gaps[name]), *counts])
  return rows


def _mean(scores):
  means = list(scores.seed_means.values())
  return percent(plain.fmean(means)) + (f" ± {percent(plain.stdev(means))}" if len(means) > 1 else "")


def _compared(gain):
  if gain is None:
    return [NONE] * 4
  return [points(gain.volumes.difference), interval(gain.volumes), p_value(gain.p), _over_seeds(gain.seeds)]


def _over_seeds(seeds):
  """In how many of them ahead, the interval, and the test where there are seeds enough."""
  words = [f"{seeds.ahead} of {seeds.comparison.pairs}"]
  if seeds.interval is not None:
    words.append(" to ".join(points(end) for end in seeds.interval))
  if seeds.comparison.ttest_p is not None:
    words.append(f"p {p_value(seeds.comparison.ttest_p)}")
  return ", ".join(words)


def _gap_text(gap):
  if gap is None:
    return NONE
  ends = "" if gap.interval is None else f" ({' to '.join(_whole_percent(end) for end in gap.interval)})"
  return f"{_whole_percent(gap.value)} %{ends}"


def _whole_percent(share):
  return f"{100 * share:.0f}".replace("-", "−")


def _hypotheses(summary):
  if not summary.verdicts:
    return []
  held = sum(verdict.verdict == "holds" for verdict in summary.verdicts)
  lines = [_hypothesis(verdict) for verdict in summary.verdicts]
  return ["## Hypotheses", "", *lines, "", f"{held} of {len(lines)} hold.", ""]


def _hypothesis(verdict):
  margin = f" by more than {verdict.points:g} points" if verdict.points else ""
  line = f"- {verdict.lower} < {verdict.upper}{margin}, p < {verdict.level:g}: **{verdict.verdict}**"
  if not verdict.difference.pairs:
    return line + "."
  return (f"{line}; {verdict.upper} − {verdict.lower} = {points(verdict.difference.difference)} "
          f"({interval(verdict.difference)}), p {p_value(verdict.p)}; over seeds"
          f"{' and less the margin' if margin else ''}: {_over_seeds(verdict.seeds)}.")


def _note(summary):
  name = summary.part.name
  command = f"--part={name[:-len('-quick')]} --quick" if name.endswith("-quick") else f"--part={name}"
  return (
      f"Made by `python -m deeplab_panns.study {command}`. Dice in % on the test volumes of seeds "
      f"{', '.join(map(str, summary.seeds))}, each with patients of its own, on the store's grid. A cell's "
      "mean and sd are over seeds, of the mean over organs of the means over volumes. Differences are in "
      "points of Dice over pairs, one for each test volume of each seed, its value the mean over organs; "
      "intervals are percentile bootstraps of their mean; p is of Wilcoxon's signed-rank test, "
      "Holm-corrected over the cells or over the hypotheses. The volumes of one seed share their training "
      "runs, which these intervals and p-values ignore; so *over seeds* says in how many seeds the cell is "
      "ahead, gives the interval with seeds drawn anew and volumes within them, and a paired t-test (not "
      f"corrected, from {MIN_PAIRS} seeds on). A hypothesis holds if p is below its level and the interval "
      f"over seeds is on the right side. Gap closed = (X − {BASELINE}) / ({ORACLE} − {BASELINE}) over the "
      "same volumes, its interval over seeds. Excluded: pairs of volume and organ where neither map has the "
      "organ; an organ in one map alone has Dice 0.")


def organ_table(summary: Summary):
  """Mean Dice by cell and organ over the volumes of all seeds."""
  run = [scores for scores in summary.cells.values() if scores.dice]
  header = ["cell", *(run[0].organs if run else ())]
  return [header] + [[scores.cell.name, *(f"{mean:.4f}" for mean in scores.organ_means)] for scores in run]


def exact_table(summary: Summary):
  """The numbers behind table.md, Dice as a share; a cell that was not run has empty fields."""
  rows: list[list[Any]] = [[
      "cell", "cohort", "dice", "sd_over_seeds", "seeds", "volumes", "excluded",
      *(f"full_{name}" for name in _COMPARED), "reference", *(f"reference_{name}" for name in _COMPARED),
      "gap_closed", "gap_low", "gap_high", "missing_seeds", "flags"]]
  for name, scores in summary.cells.items():
    means, gap = list(scores.seed_means.values()), summary.gaps[name]
    rows.append([
        name, scores.cell.cohort, plain.fmean(means) if means else None,
        plain.stdev(means) if len(means) > 1 else None, len(means), scores.volumes, scores.excluded,
        *_exact(summary.gains.get(name)),
        scores.cell.reference, *_exact(summary.gains_over_reference.get(name)),
        *([None] * 3 if gap is None else [gap.value, *(gap.interval or (None, None))]),
        " ".join(map(str, scores.missing)),
        " ".join(f"--{flag}={value}" for flag, value in scores.cell.flags.items())])
  return [["" if value is None else str(value) for value in row] for row in rows]


def _exact(gain):
  if gain is None:
    return [None] * len(_COMPARED)
  volumes, seeds = gain.volumes, gain.seeds
  return [volumes.difference, *(volumes.interval or (None, None)), volumes.wilcoxon_p, gain.p,
          seeds.ahead, *(seeds.interval or (None, None)), seeds.comparison.ttest_p]
