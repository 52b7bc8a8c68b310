"""python -m deeplab_panns.study: runs a part of the study on synthetic patients, keeps the scores and makes
the tables.

python -m deeplab_panns.study --part=slices --output_dir=experiments/study/results --work_dir=runs/study
"""

from __future__ import annotations

import pathlib

from absl import flags

from data import command
from data.input_error import InputError
from data.listed import listed
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.making import run_missing
from deeplab_panns.study.part_page import as_markdown
from deeplab_panns.study.part_tables import write_summary
from deeplab_panns.study.plan import QUICK_SEEDS, read_part
from deeplab_panns.study.planned_runs import of_cells, parse_seeds, plan_runs
from deeplab_panns.study.summary import summarize


def define_flags() -> None:
  """Defines the command's flags."""
  flags.DEFINE_string(
    "part",
    None,
    "Which table of --study_dir, without its ending: slices, volumes, place, ... (experiments/README.md).",
    required=True,
  )
  flags.DEFINE_string("study_dir", "experiments/study", "Folder of the tables and their flagfiles.")
  flags.DEFINE_string(
    "output_dir",
    "experiments/study/results",
    "Scores of every run, a folder for each part. A run that is there is not made again.",
  )
  flags.DEFINE_string("work_dir", "runs/study", "Patients, first stages and logs; may be deleted afterwards.")
  flags.DEFINE_list(
    "seeds", [], "Run every cell with these instead of the table's; each has patients of its own."
  )
  flags.DEFINE_list(
    "cells", [], "Make the runs of these cells alone; the tables hold all that is there. Default: all cells."
  )
  flags.DEFINE_bool("quick", False, f"A few cells, {QUICK_SEEDS} seeds, a short schedule: to see it work.")
  flags.DEFINE_integer("jobs", 2, "Runs at a time, each on one core.", lower_bound=1)
  flags.DEFINE_bool("summarize", False, "Only make the tables of what is there.")


def main(_: list[str]) -> None:
  """Makes the runs that are missing, and the tables of all that are there."""
  args = flags.FLAGS
  part = read_part(args.study_dir, args.part, args.quick)
  try:
    runs = plan_runs(part, parse_seeds(args.seeds))
    chosen = of_cells(runs, args.cells)
  except ValueError as error:
    raise flags.ValidationError(f"--{error}") from None
  cache = Cache(args.output_dir, part.name)
  failures = {} if args.summarize else run_missing(chosen, cache, pathlib.Path(args.work_dir), args.jobs)
  summary = summarize(part, runs, cache)
  write_summary(summary, cache.folder)
  print(as_markdown(summary))
  if failures:
    first = [f"{name}: {why}" for name, why in failures.items() if not why.startswith("needs ")]
    raise InputError(
      f"{len(failures)} of the tasks failed: {listed(first, 3)}. What is done is kept, and in the tables of "
      f"{cache.folder}; mend these, and run the same command again."
    )


if __name__ == "__main__":
  define_flags()
  command.run(main)
