"""python -m deeplab_panns.report: the scores of several runs side by side, as one HTML page, tables and
pictures."""

from __future__ import annotations

import logging
import pathlib
import tempfile

from absl import flags

from data import command
from data.whole_file import write_bytes
from deeplab_panns.report.output import report_outputs, write_page, write_tables
from deeplab_panns.report.results import compared
from deeplab_panns.report.results.scored_runs import read_all


def define_flags() -> None:
  """Defines the command's flags."""
  flags.DEFINE_list(
    "run_dirs",
    None,
    "Evaluated runs, cross-validations, or --output_dir folders of evaluate, comma-separated. Runs that "
    "differ only in seed, fold and validation are one method.",
    required=True,
  )
  flags.DEFINE_list(
    "names",
    None,
    "A method's name for each run, in their order; runs of one name are one method. Default: the "
    "supervision, and the settings in which methods differ.",
  )
  flags.DEFINE_string(
    "baseline", None, "The method that gains and p-values are against; default: full, else the first."
  )
  flags.DEFINE_string(
    "output_dir", None, "Where report.html goes, and its tables and pictures as files.", required=True
  )
  flags.DEFINE_bool("overwrite", False, "Replace files there that this command did not write.")


def main(_: list[str]) -> None:
  """Reads the runs, and writes tables, page and pictures."""
  args = flags.FLAGS
  logging.getLogger("matplotlib").setLevel(logging.ERROR)  # tells of its font cache on stderr
  runs, titles = read_all(args.run_dirs, args.names)
  results = compared.build(runs, titles, args.baseline)
  outputs = report_outputs(args.output_dir, args.overwrite)
  output_dir = outputs.folder
  with tempfile.TemporaryDirectory() as temporary:  # a report that fails halfway replaces nothing
    made = pathlib.Path(temporary)
    tables = write_tables(results, made)
    write_page(results, made)
    names = sorted(file.name for file in made.iterdir())
    for name in names:
      write_bytes(output_dir / name, (made / name).read_bytes())
  outputs.wrote(names)
  print(tables)
  print(f"{output_dir / 'report.html'}; tables as .md, .tex, .csv and pictures as .png beside it")


if __name__ == "__main__":
  define_flags()
  command.run(main)
