"""The tables of a part: table.md to be read, table.csv with every digit."""
from __future__ import annotations

import dataclasses
import statistics as plain
from typing import Any

from data.whole_file import write_bytes, write_text
from deeplab_panns import statistics, study_figure, study_scores
from deeplab_panns.report_tables import NONE, interval, p_value, percent, points
from deeplab_panns.study_plan import Part
from deeplab_panns.study_scores import BASELINE, ORACLE, Scores
from deeplab_panns.text_table import to_csv, to_markdown


@dataclasses.dataclass(frozen=True, eq=False)
class Summary:
  """
  Attributes:
    cells: {name: Scores} in the part's order, also those that were not run.
    gains: {name: {baseline: (over volumes, over seeds, Holm-corrected p)}} of what can be compared.
    gaps: {name: GapClosed or None}.
  """
  part: Part
  seeds: tuple[int, ...]
  cells: dict[str, Scores]
  gains: dict[str, dict[str, Any]]
  gaps: dict[str, Any]
  verdicts: list

  @property
  def missing(self):
    """The cells and seeds that no line of the tables holds."""
    return {name: cell.missing for name, cell in self.cells.items() if cell.missing}


def summarize(part: Part, runs, cache):
  """Summary of a part's runs from the cache. Raises InputError if a cached file is damaged."""
  cells = {cell.name: study_scores.load(cell, [run for run in runs if run.cell is cell], cache) for cell in part.cells}
  gains: dict[str, dict[str, Any]] = {name: {} for name in cells}
  for kind in (BASELINE, "reference"):
    pairs = {name: cells.get(BASELINE if kind == BASELINE else scores.cell.reference or "") for name, scores in cells.items()}
    compared = {name: (study_scores.over_volumes(cells[name], theirs), study_scores.over_seeds(cells[name], theirs))
                for name, theirs in pairs.items() if theirs and theirs is not cells[name] and cells[name].dice and theirs.dice}
    corrected = statistics.holm([volumes.wilcoxon_p for volumes, _ in compared.values()])
    for (name, (volumes, seeds)), p in zip(compared.items(), corrected):
      gains[name][kind] = (volumes, seeds, p)
  gaps = {name: _gap(cells, name) for name in cells}
  return Summary(part, tuple(sorted({run.seed for run in runs})), cells, gains, gaps, study_scores.judge(part.expectations, cells))


def _gap(cells, name):
  if BASELINE not in cells or ORACLE not in cells or name == BASELINE:
    return None
  return study_scores.gap_closed(cells[name], cells[BASELINE], cells[ORACLE])


def write_summary(summary: Summary, folder):
  """Writes table.md, table.csv, organs.csv and, where there is something to draw, gains.png into `folder`."""
  folder.mkdir(parents=True, exist_ok=True)
  write_text(folder / "table.md", as_markdown(summary))
  write_text(folder / "table.csv", to_csv(exact_table(summary)))
  write_text(folder / "organs.csv", to_csv(organ_table(summary)))
  if any(BASELINE in compared for compared in summary.gains.values()):
    write_bytes(folder / "gains.png", study_figure.draw(summary))


def as_markdown(summary: Summary):
  """The page: table, hypotheses, what is missing, and what the numbers are of."""
  part = summary.part
  lines = [f"# {part.name}", "", to_markdown(_table(summary)), *_hypotheses(summary), "## Missing", ""]
  lines += [f"- {name}: seeds {', '.join(map(str, seeds))}" for name, seeds in summary.missing.items()] or ["Nothing."]
  return "\n".join([*lines, "", "## What the numbers are", "", _note(summary), ""])


def _table(summary):
  rows = [["cell", "Dice % ± sd over seeds", f"− {BASELINE}", "95 % interval", "p", "seeds ahead", "against", "difference", "95 % interval", "p",
           "seeds ahead", "gap closed", "seeds", "volumes", "excluded"]]
  for name, scores in summary.cells.items():
    if not scores.dice:
      rows.append([name, "not run", *[NONE] * 13])
      continue
    gains = summary.gains[name]
    rows.append([name, _mean(scores), *_compared(gains.get(BASELINE)), scores.cell.reference or NONE, *_compared(gains.get("reference")),
                 _gap_text(summary.gaps[name]), str(len(scores.dice)), str(scores.volumes), str(scores.excluded)])
  return rows


def _mean(scores):
  means = list(scores.seed_means.values())
  return percent(plain.fmean(means)) + (f" ± {percent(plain.stdev(means))}" if len(means) > 1 else "")


def _compared(gain):
  if gain is None:
    return [NONE] * 4
  volumes, seeds, p = gain
  return [points(volumes.difference), interval(volumes), p_value(p), _ahead(seeds)]


def _ahead(seeds):
  p = seeds.comparison.ttest_p
  return f"{seeds.ahead} of {seeds.comparison.pairs}" + ("" if p is None else f" (p {p_value(p)})")


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
  lines = ["## Hypotheses", ""]
  for verdict in summary.verdicts:
    margin = f" by more than {verdict.points:g} points" if verdict.points else ""
    line = f"- {verdict.lower} < {verdict.upper}{margin}, p < {verdict.level:g}: **{verdict.verdict}**"
    if verdict.difference.pairs:
      line += (f"; {verdict.upper} − {verdict.lower} = {points(verdict.difference.difference)} ({interval(verdict.difference)}), "
               f"p {p_value(verdict.p)}, ahead{margin} in {_ahead(verdict.seeds)} seeds")
    lines.append(line + ".")
  held = sum(verdict.verdict == "holds" for verdict in summary.verdicts)
  return [*lines, "", f"{held} of {len(summary.verdicts)} hold.", ""]


def _note(summary):
  return (f"Dice in % on the test volumes of seeds {', '.join(map(str, summary.seeds))}, each with patients of its own, on the store's grid. A cell's mean "
          "is over seeds of (the mean over organs of the means over volumes). Differences are in points of Dice over pairs, one for each test volume of "
          "each seed, its value the mean over organs; intervals are percentile bootstraps of their mean; p is of Wilcoxon's signed-rank test, "
          "Holm-corrected over the column's cells, or over the hypotheses. Volumes of one seed share their training runs, so the seeds are counted as a "
          f"test of their own (with {statistics.MIN_PAIRS} seeds or more: paired t-test, not corrected). Gap closed = (X − {BASELINE}) / ({ORACLE} − {BASELINE}) over "
          "the same volumes. Excluded: pairs of volume and organ where neither map has the organ; an organ in one map alone has Dice 0.")


def organ_table(summary: Summary):
  """Mean Dice by cell and organ over the volumes of all seeds."""
  run = [scores for scores in summary.cells.values() if scores.dice]
  organs = run[0].organs if run else ()
  return [["cell", *organs]] + [[scores.cell.name, *(f"{value:.4f}" for value in scores.organ_means)] for scores in run]


def exact_table(summary: Summary):
  """The numbers behind table.md, Dice as a share; a cell that was not run has empty fields."""
  compared = ["difference", "interval_low", "interval_high", "wilcoxon_p", "wilcoxon_p_holm", "seeds_ahead"]
  rows = [["cell", "cohort", "dice", "sd_over_seeds", "seeds", "volumes", "excluded", *(f"full_{name}" for name in compared), "reference",
           *(f"reference_{name}" for name in compared), "gap_closed", "gap_low", "gap_high", "missing_seeds", "flags"]]
  for name, scores in summary.cells.items():
    means, gap = list(scores.seed_means.values()), summary.gaps[name]
    numbers = [plain.fmean(means) if means else None, plain.stdev(means) if len(means) > 1 else None, len(means), scores.volumes, scores.excluded]
    closed = [None] * 3 if gap is None else [gap.value, *(gap.interval or (None, None))]
    rows.append([name, scores.cell.cohort, *numbers, *_exact(summary.gains[name].get(BASELINE)), scores.cell.reference,
                 *_exact(summary.gains[name].get("reference")), *closed, " ".join(map(str, scores.missing)),
                 " ".join(f"--{flag}={value}" for flag, value in scores.cell.flags.items())])
  return [["" if value is None else str(value) for value in row] for row in rows]


def _exact(gain):
  if gain is None:
    return [None] * 6
  volumes, seeds, p = gain
  return [volumes.difference, *(volumes.interval or (None, None)), volumes.wilcoxon_p, p, seeds.ahead]
