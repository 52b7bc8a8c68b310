"""python -m deeplab_panns.report: the scores of several runs side by side."""
from __future__ import annotations

import csv
import dataclasses
import io
import json
import pathlib

from absl import flags

from data import command
from data.input_error import InputError
from data.whole_file import write_text


def define_flags():
  flags.DEFINE_list("run_dirs", None, "Evaluated runs (each with a metrics.json), comma-separated.", required=True)
  flags.DEFINE_string("output_dir", None, "Where table.csv and table.md go.", required=True)


@dataclasses.dataclass(frozen=True)
class Scored:
  """What `evaluate` found of one run: Dice by organ (None: undefined in all cases), and on what."""
  name: str
  run_dir: pathlib.Path
  dice: dict[str, float | None]
  mean_dice: float | None
  cases: int
  split: str
  excluded: int


def read_scored(run_dir):
  """Raises InputError if the run has not been evaluated."""
  run_dir = pathlib.Path(run_dir)
  try:
    content = json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))
  except FileNotFoundError:
    raise InputError(f"{run_dir}: has no metrics.json; run `python -m deeplab_panns.evaluate --run_dir={run_dir}` first.") from None
  dice = {organ: scores["dice"] for organ, scores in content["organs"].items()}
  return Scored(run_dir.name, run_dir, dice, content["mean_dice"], content["cases"], content.get("split", "files"),
                content["excluded"])


def table(runs):
  """Rows of text: a header, an organ each, the mean; Dice in percent as the paper's Fig. 3 gives it."""
  organs = list(runs[0].dice)
  for run in runs:
    if list(run.dice) != organs or (run.split, run.cases) != (runs[0].split, runs[0].cases):
      raise InputError(f"{run.run_dir}: was scored on {run.cases} {run.split} cases and {len(run.dice)} organs, {runs[0].run_dir} on "
                       f"{runs[0].cases} {runs[0].split} cases and {len(organs)}; evaluate all runs alike.")
  rows = [["organ", *(run.name for run in runs)]]
  rows += [[organ, *(_percent(run.dice[organ]) for run in runs)] for organ in organs]
  rows.append(["mean", *(_percent(run.mean_dice) for run in runs)])
  return rows


def _percent(value):
  return "-" if value is None else f"{100 * value:.1f}"


def markdown(rows, note):
  """The rows as a Markdown table, right-aligned numbers, with a line on what was measured."""
  widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
  lines = ["| " + " | ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                             for column, (cell, width) in enumerate(zip(row, widths))) + " |" for row in rows]
  lines.insert(1, "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|")
  return "\n".join(lines) + f"\n\n{note}\n"


def main(_):
  args = flags.FLAGS
  runs = [read_scored(run_dir) for run_dir in args.run_dirs]
  rows = table(runs)
  note = (f"Dice in %, mean over the {runs[0].cases} {runs[0].split} cases; a pair where neither map has the organ is left out "
          f"({', '.join(str(run.excluded) for run in runs)} pairs). The mean is over organs.")
  text = markdown(rows, note)
  output_dir = pathlib.Path(args.output_dir)
  output_dir.mkdir(parents=True, exist_ok=True)
  lines = io.StringIO()
  csv.writer(lines, lineterminator="\n").writerows(rows)
  write_text(output_dir / "table.csv", lines.getvalue())
  write_text(output_dir / "table.md", text)
  print(text)
  for run in runs:
    print(f"{run.name}: {run.run_dir} (metrics.csv, metrics.json, events/ for TensorBoard)")
  print(f"table: {output_dir / 'table.md'}, {output_dir / 'table.csv'}")


if __name__ == "__main__":
  define_flags()
  command.run(main)
