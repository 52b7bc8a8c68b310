"""A table of text as Markdown, LaTeX, HTML and CSV. Rows are lists of text of one length; the first row is
the header."""

from __future__ import annotations

import csv
import html
import io

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


def to_markdown(rows, note=""):
  """Padded so that it reads as plain text too; the first column left-aligned, the others right."""
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


def to_latex(rows, caption):
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


def _escape_latex(text):
  return "".join(_LATEX.get(letter, letter) for letter in text)


def to_html(rows, strong_last=False):
  """strong_last: whether the last row is a sum of the others and stands out."""
  header, *body = rows
  cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
  lines = ["<table>", f"<thead><tr>{cells}</tr></thead>", "<tbody>"]
  for place, row in enumerate(body):
    kind = ' class="sum"' if strong_last and place == len(body) - 1 else ""
    lines.append(f"<tr{kind}>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>")
  return "\n".join([*lines, "</tbody></table>"])


def to_csv(rows):
  """Cells may be numbers too, of which every digit is kept."""
  lines = io.StringIO()
  csv.writer(lines, lineterminator="\n").writerows(rows)
  return lines.getvalue()
