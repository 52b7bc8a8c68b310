"""The files of a part's summary: table.md to be read, tables for programs, and a picture."""

from __future__ import annotations

import pathlib
import statistics

from data.whole_file import write_bytes, write_text
from deeplab_panns.evidence.number_text import ten_digits
from deeplab_panns.evidence.text_table import Cell, to_csv
from deeplab_panns.study.gain_figure import draw, draw_doses, draw_sizes
from deeplab_panns.study.part_page import as_markdown
from deeplab_panns.study.seed_scores import Scores
from deeplab_panns.study.summary import Compared, Summary

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
_COLUMNS = (
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
)


def write_summary(summary: Summary, folder: pathlib.Path) -> None:
  """Writes table.md, table.csv, organs.csv, organ_gains.csv and, where there are any, the pictures."""
  folder.mkdir(parents=True, exist_ok=True)
  write_text(folder / "table.md", as_markdown(summary))
  write_text(folder / "table.csv", to_csv(exact_table(summary)))
  write_text(folder / "organs.csv", to_csv(organ_table(summary)))
  write_text(folder / "organ_gains.csv", to_csv(organ_gain_table(summary)))
  if summary.gains:
    write_bytes(folder / "gains.png", draw(summary))
  if summary.gains_at_sizes:
    write_bytes(folder / "sizes.png", draw_sizes(summary.gains_at_sizes))
  if summary.gains_at_doses:
    write_bytes(folder / "doses.png", draw_doses(summary.gains_at_doses))


def exact_table(summary: Summary) -> list[list[str]]:
  """The numbers behind table.md with ten digits, Dice as a fraction; a cell that was not run has empty
  fields."""
  rows = [_exact_row(summary, name, scores) for name, scores in summary.cells.items()]
  return [list(_COLUMNS), *([ten_digits(value) for value in row] for row in rows)]


def _exact_row(summary: Summary, name: str, scores: Scores) -> list[Cell]:
  means, gap = list(scores.seed_means.values()), summary.gaps[name]
  return [
    name,
    scores.cell.cohort,
    statistics.fmean(means) if means else None,
    statistics.stdev(means) if len(means) > 1 else None,
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


def organ_table(summary: Summary) -> list[list[str]]:
  """Mean Dice by cell and organ over the volumes of all seeds, of the cells that were run."""
  run = [scores for scores in summary.cells.values() if scores.dice]
  header = ["cell", "seeds", *(run[0].organs if run else ())]
  return [
    header,
    *(
      [scores.cell.name, str(len(scores.dice)), *(f"{mean:.4f}" for mean in scores.organ_means)]
      for scores in run
    ),
  ]


def organ_gain_table(summary: Summary) -> list[list[str]]:
  """What each cell gains over its reference, organ by organ, with ten digits.

  ttest_p_holm is corrected over the organs of a cell.
  """
  rows: list[list[Cell]] = [
    [name, summary.cells[name].cell.reference, organ, *_exact(compared)]
    for name, gains in summary.organ_gains.items()
    for organ, compared in gains.items()
  ]
  header = ["cell", "reference", "organ", *_COMPARED]
  return [header, *([ten_digits(value) for value in row] for row in rows)]


def _exact(compared: Compared | None) -> list[Cell]:
  """The values of _COMPARED."""
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
