"""Box plots of Dice per organ and method, as the paper's Fig. 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from data.arrays import Floats
from deeplab_panns.evidence import plot_style
from deeplab_panns.evidence.defined_values import defined_mean
from deeplab_panns.evidence.number_text import stars
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.gains import mean_gains, organ_gains
from deeplab_panns.report.results.methods import Method

_MAX_BOXES_A_ROW = 48  # more would be too thin to read


def draw(results: Results) -> bytes:
  """The picture as the bytes of a PNG file.

  Boxes: quartiles and median; whiskers: to the last case within 1.5 box lengths; points: all cases. Stars
  above: the Holm-corrected signed-rank test against the baseline.
  """
  names = [*results.organs, "mean"]
  values = {method.name: _columns(results, method) for method in results.methods}
  marks = _marks(results)
  a_row = max(1, min(len(names), _MAX_BOXES_A_ROW // len(results.methods)))
  rows = -(-len(names) // a_row)
  a_row = -(-len(names) // rows)  # rows of equal length
  figure = plot_style.figure(12, 0.4 + 3.6 * rows)
  for row, (axes,) in enumerate(plot_style.subplots(figure, rows, 1)):
    _draw_row(axes, names, range(row * a_row, min(len(names), (row + 1) * a_row)), values, marks)
    axes.set_xlim(-0.6, a_row - 0.4)
  colours = plot_style.method_colours(values)
  handles = [
    axes.plot([], [], "s", color=colour, markersize=9, label=name)[0] for name, colour in colours.items()
  ]
  figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)), frameon=False)
  return plot_style.png(figure)


def _columns(results: Results, method: Method) -> list[Floats]:
  """Dice in % of each organ and of the case means, without NaN."""
  table = results.table(method)
  columns = [*table.T, defined_mean(table, axis=1)]
  return [100 * column[~np.isnan(column)] for column in columns]


def _marks(results: Results) -> dict[str, list[str]]:
  """{method: stars of each organ and of the mean} against the baseline."""
  means = mean_gains(results)
  return {
    method.name: [
      *(stars(gain.wilcoxon_p) for gain in organ_gains(results, method).values()),
      stars(means[method.name].wilcoxon_p),
    ]
    for method in results.others
  }


def _draw_row(
  axes: Axes,
  names: Sequence[str],
  shown: range,
  values: Mapping[str, Sequence[Floats]],
  marks: Mapping[str, Sequence[str]],
) -> None:
  """Draws the columns `shown` of all methods; values and marks: {method: one for each column}."""
  width = 0.8 / len(values)
  for number, (method, colour) in enumerate(plot_style.method_colours(values).items()):
    offset = (number - (len(values) - 1) / 2) * width
    for index, column in enumerate(shown):
      if len(values[method][column]):
        mark = marks[method][column] if method in marks else ""
        _draw_box(axes, values[method][column], index + offset, 0.8 * width, colour, mark)
  for index in range(1, len(shown)):
    axes.axvline(index - 0.5, color="0.9", linewidth=0.8, zorder=0)
  axes.set_xticks(range(len(shown)), [names[column] for column in shown], rotation=25, ha="right")
  axes.set_ylim(-3, 108)
  axes.set_yticks(range(0, 101, 20))
  axes.grid(axis="y", color="0.93")
  axes.set_ylabel("Dice in %")


def _draw_box(axes: Axes, values: Floats, x: float, width: float, colour: str, mark: str) -> None:
  """A box with its cases as points, beside each other, or equal cases would hide each other."""
  plot_style.box(axes, values, x, width, colour)
  points = x + plot_style.sideways(len(values), width)
  axes.plot(points, values, ".", color=colour, markersize=5, markeredgewidth=0, alpha=0.8)
  if mark:
    axes.text(x, 101, mark, ha="center", va="bottom", fontsize=11, color=colour, rotation=90)
