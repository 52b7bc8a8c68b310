"""A table as Markdown, LaTeX, HTML and CSV. Its rows are sequences of cells, all of one length; the first is
the header."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence
from typing import Union

Rows = Sequence[Sequence[str]]
Cell = Union[str, float, None]
"""Of a CSV file: numbers keep every digit, None is an empty field."""

_LATEX = {
  "\\": r"\textbackslash{}",
  "%": r"\%",
  "&": r"\&",
  "_": r"\_",
  "#": r"\#",
  "$": r"\$",
  "{": r"\{",
  "}": r"\}",
  "~": r"\textasciitilde{}",
  "^": r"\textasciicircum{}",
  "±": r"$\pm$",
  "−": "$-$",
  "<": "$<$",
  ">": "$>$",
  "→": r"$\rightarrow$",
  "λ": r"$\lambda$",
  "–": "--",
}


def to_markdown(rows: Rows, note: str = "") -> str:
  """Padded so that it can be read as plain text too; the first column is aligned left, the others right.

  Args:
    rows: the header and the body.
    note: a paragraph below the table.
  """
  rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
  widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
  lines = [
    "| "
    + " | ".join(
      cell.ljust(width) if column == 0 else cell.rjust(width)
      for column, (cell, width) in enumerate(zip(row, widths))
    )
    + " |"
    for row in rows
  ]
  lines.insert(
    1,
    "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|",
  )
  return "\n".join(lines) + (f"\n\n{note}\n" if note else "\n")


def to_latex(rows: Rows, caption: str) -> str:
  """A `table` environment with the rules of the booktabs package."""
  header, *body = [" & ".join(_escape_latex(cell) for cell in row) + r" \\" for row in rows]
  return "\n".join(
    [
      r"% needs \usepackage{booktabs}",
      r"\begin{table}",
      r"\centering",
      rf"\caption{{{_escape_latex(caption)}}}",
      rf"\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}",
      r"\toprule",
      header,
      r"\midrule",
      *body,
      r"\bottomrule",
      r"\end{tabular}",
      r"\end{table}",
      "",
    ]
  )


def _escape_latex(text: str) -> str:
  return "".join(_LATEX.get(letter, letter) for letter in text)


def to_html(rows: Rows, strong_last: bool = False) -> str:
  """A `table` element.

  Args:
    rows: the header and the body.
    strong_last: whether the last row sums the others up and is to stand out.
  """
  header, *body = rows
  cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
  lines = ["<table>", f"<thead><tr>{cells}</tr></thead>", "<tbody>"]
  for index, row in enumerate(body):
    kind = ' class="sum"' if strong_last and index == len(body) - 1 else ""
    lines.append(f"<tr{kind}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>")
  return "\n".join([*lines, "</tbody></table>"])


def to_csv(rows: Iterable[Sequence[Cell]]) -> str:
  """Lines of fields separated by commas; numbers keep every digit."""
  lines = io.StringIO()
  csv.writer(lines, lineterminator="\n").writerows(rows)
  return lines.getvalue()
