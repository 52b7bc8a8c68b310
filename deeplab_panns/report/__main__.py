"""python -m deeplab_panns.report: the scores of several runs side by side, as one HTML page, tables and
pictures."""

from __future__ import annotations

import logging
import pathlib

from absl import flags

from data import command
from deeplab_panns.report.output import write_page, write_tables
from deeplab_panns.report.results import compared as scores
from deeplab_panns.report.results.scored_runs import read_all


def define_flags() -> None:
  flags.DEFINE_list(
    "run_dirs",
    None,
    "Evaluated runs, cross-validations, or --output_dir folders of evaluate, "
    "comma-separated. Runs that differ only in seed, fold and validation are one method.",
    required=True,
  )
  flags.DEFINE_list(
    "names",
    None,
    "A method's name for each run, in their order; runs of one name are one method. "
    "Default: the supervision, and the settings in which methods differ.",
  )
  flags.DEFINE_string(
    "baseline", None, "The method that gains and p-values are against; default: full, else the first."
  )
  flags.DEFINE_string(
    "output_dir", None, "Where report.html goes, and its tables and pictures as files.", required=True
  )


def main(_: list[str]) -> None:
  args = flags.FLAGS
  logging.getLogger("matplotlib").setLevel(logging.ERROR)  # tells of its font cache on stderr
  runs, names = read_all(args.run_dirs, args.names)
  results = scores.build(runs, names, args.baseline)
  output_dir = pathlib.Path(args.output_dir)
  output_dir.mkdir(parents=True, exist_ok=True)
  print(write_tables(results, output_dir))
  write_page(results, output_dir)
  print(f"{output_dir / 'report.html'}; tables as .md, .tex, .csv and pictures as .png beside it")


if __name__ == "__main__":
  define_flags()
  command.run(main)
