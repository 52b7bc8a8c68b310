"""The files of the report: tables for the eye, for LaTeX and for programs, and the page with its pictures."""

from __future__ import annotations

import pathlib

from data.files.outputs import Outputs
from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence import text_table
from deeplab_panns.report import page, sections
from deeplab_panns.report.picture_sections import Pictures
from deeplab_panns.report.results import notes
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.result_tables import gain_table, method_table, organ_table
from deeplab_panns.report.results.statistics_table import statistics_table

_TABLES = ("table", "methods", "gains")
_PICTURES = (
  "dice_boxes",
  "overlays",
  "worst_cases",
  "confusion",
  "volumes",
  "training",
  "prior",
  "prior_check",
)
# All that a report may have: without several methods there are no gains, without slices no pictures of them.
FILES = (
  "report.html",
  *(f"{name}.{ending}" for name in _TABLES for ending in ("md", "tex", "csv")),
  "statistics.csv",
  *(f"{name}.png" for name in _PICTURES),
)
_TITLE = "PaNN: "


def report_outputs(folder: AnyPath, overwrite: bool) -> Outputs:
  """The folder of a report, checked before anything is computed.

  A report that an earlier version wrote, without a record, counts as this command's own.

  Raises:
    InputError: If the folder cannot be written to, or a file of others would be replaced.
  """
  outputs = Outputs(folder, overwrite=overwrite)
  if _is_of_a_report(outputs.folder / "report.html"):
    outputs.adopt(FILES)
  outputs.require_free(FILES)
  return outputs


def _is_of_a_report(html: pathlib.Path) -> bool:
  try:
    return f"<title>{_TITLE}" in html.read_text(encoding="utf-8")
  except (OSError, ValueError):
    return False


def write_tables(results: Results, folder: pathlib.Path) -> str:
  """Writes table (organs), methods and, where methods are compared, gains, each as .md, .tex and .csv, and
  statistics.csv; returns the text for the terminal."""
  note = notes.note(results)
  shown = {"table": organ_table(results), "methods": method_table(results)}
  if results.others:
    shown["gains"] = gain_table(results)
  for name, rows in shown.items():
    caption = note if name == "table" else f"{note} {notes.how_tested(results)}"
    write_text(folder / f"{name}.md", text_table.to_markdown(rows, caption))
    write_text(folder / f"{name}.tex", text_table.to_latex(rows, caption))
  csv_tables = {**shown, "table": organ_table(results, spread=False)}  # numbers alone
  for name, rows in csv_tables.items():
    write_text(folder / f"{name}.csv", text_table.to_csv(rows))
  write_text(folder / "statistics.csv", text_table.to_csv(statistics_table(results)))
  return text_table.to_markdown(shown["table"], note) + "\n" + text_table.to_markdown(shown["methods"])


def write_page(results: Results, folder: pathlib.Path) -> None:
  """Writes report.html, and each of its pictures as a PNG file."""
  built = sections.build(results, Pictures(folder))
  title = _TITLE + ", ".join(method.name for method in results.methods)
  write_text(folder / "report.html", page.page(title, sections.lead(results), built))
