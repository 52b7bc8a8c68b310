"""The files of the report: tables for the eye, for LaTeX and for programs, and the page with its pictures."""

from __future__ import annotations

import pathlib

from data.whole_file import write_text
from deeplab_panns.evidence import text_table
from deeplab_panns.report import page, sections
from deeplab_panns.report.picture_sections import Pictures
from deeplab_panns.report.results import notes
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.result_tables import gain_table, method_table, organ_table
from deeplab_panns.report.results.statistics_table import statistics_table


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
  title = "PaNN: " + ", ".join(method.name for method in results.methods)
  write_text(folder / "report.html", page.page(title, sections.lead(results), built))
