"""python -m deeplab_panns.study: runs a part of the study on drawn patients, keeps and tabulates the scores.

python -m deeplab_panns.study --part=slices --output_dir=experiments/study/results --work_dir=runs/study
"""

from __future__ import annotations

import pathlib

from absl import flags

from data import command
from data.input_error import InputError
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.making import heed_termination, run_missing
from deeplab_panns.study.part_tables import as_markdown, write_summary
from deeplab_panns.study.plan import QUICK_SEEDS, read_part
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.summary import summarize


def define_flags():
  flags.DEFINE_string(
    "part", None, "Which table of --study_dir: slices, volumes, beyond, anatomy or fields.", required=True
  )
  flags.DEFINE_string("study_dir", "experiments/study", "Folder of the tables and their flagfiles.")
  flags.DEFINE_string(
    "output_dir",
    "experiments/study/results",
    "Scores of every run, a folder for each part. A run that is there is not made again.",
  )
  flags.DEFINE_string("work_dir", "runs/study", "Patients, first stages and logs; may be deleted afterwards.")
  flags.DEFINE_list(
    "seeds", [], "Run every cell with these instead of the table's; each draws patients of its own."
  )
  flags.DEFINE_list(
    "cells", [], "Make the runs of these cells alone; the tables hold all that is there. Default: all cells."
  )
  flags.DEFINE_bool("quick", False, f"A few cells, {QUICK_SEEDS} seeds, a short schedule: to see it work.")
  flags.DEFINE_integer("jobs", 2, "Runs at a time, each on one core.", lower_bound=1)
  flags.DEFINE_bool("summarize", False, "Only make the tables of what is there.")


def parse_seeds(words):
  """The seeds as whole numbers, each once. Raises flags.ValidationError."""
  if not all(word.isdecimal() for word in words) or len(set(map(int, words))) < len(words):
    raise flags.ValidationError(
      f"--seeds={','.join(words)}: must be different whole numbers from 0 on, separated by commas"
    )
  return [int(word) for word in words]


def of_cells(runs, names):
  """The runs of the cells named, or all of them if none is. Raises flags.ValidationError."""
  known = list(dict.fromkeys(run.cell.name for run in runs))
  if not set(names) <= set(known):
    raise flags.ValidationError(f"--cells={','.join(names)}: must name cells of the part: {', '.join(known)}")
  return [run for run in runs if not names or run.cell.name in names]


def main(_):
  args = flags.FLAGS
  heed_termination()
  part = read_part(args.study_dir, args.part, args.quick)
  runs = plan_runs(part, parse_seeds(args.seeds))
  cache = Cache(args.output_dir, part.name)
  chosen = of_cells(runs, args.cells)
  failures = {} if args.summarize else run_missing(chosen, cache, pathlib.Path(args.work_dir), args.jobs)
  summary = summarize(part, runs, cache)
  write_summary(summary, cache.folder)
  print(as_markdown(summary))
  if failures:
    first = [f"{name}: {why}" for name, why in failures.items() if not why.startswith("needs ")]
    raise InputError(
      f"{len(failures)} of the tasks failed: {'; '.join(first)}. What is done is kept, and in "
      f"the tables of {cache.folder}; mend these, and run the same command again."
    )


if __name__ == "__main__":
  define_flags()
  command.run(main)
