"""python -m deeplab_panns.report: the scores of several runs side by side, as one HTML page, tables and pictures."""
from __future__ import annotations

import logging
import pathlib

from absl import flags

from data import command
from data.whole_file import write_text
from deeplab_panns import report_page, report_sections, report_tables, text_table
from deeplab_panns import results as scores
from deeplab_panns.results import Results
from deeplab_panns.scored_runs import read_all


def define_flags():
  flags.DEFINE_list("run_dirs", None, "Evaluated runs, cross-validations, or --output_dir folders of evaluate, "
                    "comma-separated. Runs that differ only in seed, fold and validation are one method.", required=True)
  flags.DEFINE_list("names", None, "A method's name for each run, in their order; runs of one name are one method. "
                    "Default: the supervision, and the settings in which methods differ.")
  flags.DEFINE_string("baseline", None, "The method that gains and p-values are against; default: full, else the first.")
  flags.DEFINE_string("output_dir", None, "Where report.html goes, and its tables and pictures as files.", required=True)


def write_tables(results: Results, folder):
  """table (organs), methods and gains as .md, .tex and .csv, and statistics.csv; returns the text for the terminal."""
  note = report_tables.note(results)
  tables = {"table": report_tables.organ_table(results), "methods": report_tables.method_table(results)}
  if results.others:
    tables["gains"] = report_tables.gain_table(results)
  for name, rows in tables.items():
    caption = note if name == "table" else f"{note} {report_tables.TEST_NOTE}"
    write_text(folder / f"{name}.md", text_table.to_markdown(rows, caption))
    write_text(folder / f"{name}.tex", text_table.to_latex(rows, caption))
  csv_tables = {**tables, "table": report_tables.organ_table(results, spread=False)}  # numbers alone
  for name, rows in csv_tables.items():
    write_text(folder / f"{name}.csv", text_table.to_csv(rows))
  write_text(folder / "statistics.csv", text_table.to_csv(report_tables.statistics_table(results)))
  return text_table.to_markdown(tables["table"], note) + "\n" + text_table.to_markdown(tables["methods"])


def write_page(results: Results, folder):
  """report.html, and each of its pictures as a PNG file."""
  sections = report_sections.build(results, report_sections.Pictures(folder))
  title = "PaNN: " + ", ".join(method.name for method in results.methods)
  write_text(folder / "report.html", report_page.page(title, report_sections.lead(results), sections))


def main(_):
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
