"""The cases with the lowest mean Dice of each method: a table, and the slices that show what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deeplab_panns.evidence import plot_style
from deeplab_panns.evidence.defined_values import defined_mean
from deeplab_panns.evidence.number_text import percent
from deeplab_panns.evidence.text_table import Rows
from deeplab_panns.report.figures import slice_panels
from deeplab_panns.report.figures.overlays import SlicesOfMethods
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.methods import Method
from deeplab_panns.report.results.scored_runs import case_id
from deeplab_panns.scores.compared_slices import ComparedSlice

CASES = 5
PICTURES = 3
_ORGANS = 3


def worst_cases(results: Results, method: Method) -> list[int]:
  """Up to CASES rows of the table [cases, organs] with the lowest mean Dice, the lowest first."""
  means = defined_mean(results.table(method), axis=1)
  return [int(row) for row in np.argsort(means) if not np.isnan(means[row])][:CASES]


def table(results: Results) -> Rows:
  """A row for each of the worst cases: mean Dice, that of the baseline, the organs without overlap, and those
  with the lowest Dice above 0."""
  compared = f"by {results.baseline.name}"
  rows = [["method", "case", "Dice %", compared, "organs of Dice 0", "lowest Dice of the others"]]
  baseline = defined_mean(results.table(results.baseline), axis=1)
  for method in results.methods:
    dice = results.table(method)
    for row in worst_cases(results, method):
      without = [organ for organ, value in zip(results.organs, dice[row]) if value == 0]
      low = sorted((value, organ) for organ, value in zip(results.organs, dice[row]) if value > 0)[:_ORGANS]
      rows.append(
        [
          method.name,
          case_id(results.cases[row]),
          percent(defined_mean(dice[row])),
          percent(baseline[row]),
          f"{len(without)}: {', '.join(without)}" if without else "0",
          ", ".join(f"{organ} {percent(value)}" for value, organ in low),
        ]
      )
  return rows


def pictured(results: Results, slices: SlicesOfMethods) -> dict[str, list[ComparedSlice]]:
  """{method: up to PICTURES slices}: of the worst cases the slice of the worst organ, or else the first."""
  found = {}
  for method in results.methods:
    of_cases: dict[str, ComparedSlice] = {}
    for (case, _), part in slices[method.name].items():
      if case not in of_cases or part.why.startswith("worst"):
        of_cases[case] = part
    worst = [results.cases[row] for row in worst_cases(results, method)]
    found[method.name] = [of_cases[case] for case in worst if case in of_cases][:PICTURES]
  return found


def draw(results: Results, parts: Mapping[str, Sequence[ComparedSlice]]) -> bytes:
  """A row for each method, each case as prediction with the reference's outline in white, as the bytes of a
  PNG file.

  Args:
    parts: as from `pictured`, not all empty.
  """
  names = [name for name, shown in parts.items() if shown]
  columns = max(len(parts[name]) for name in names)
  width = 12.5 / max(columns, 3)
  figure = plot_style.figure(width * columns, (0.72 * width + 0.8) * len(names) + 0.7)
  axes = plot_style.subplots(figure, len(names), columns)
  values: set[int] = set()
  for row, name in zip(axes, names):
    for panel in row:
      panel.set_axis_off()
    for panel, part in zip(row, parts[name]):
      panel.set_axis_on()
      slice_panels.draw(panel, part, part.predicted, results.label_organs, part.reference)
      panel.set_title(f"{part.case}, slice {part.z}\n{part.why}")
      values |= slice_panels.organ_values(part.reference, part.predicted, count=len(results.label_organs))
    row[0].set_ylabel(plot_style.wrapped(name, 28), fontsize=9, fontweight="bold")
  slice_panels.legend(figure, values, results.label_organs, with_reference=True)
  return plot_style.png(figure)
