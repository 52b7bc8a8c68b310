"""Which class the voxels of each organ were given, by method: shows left and right taken for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from data.arrays import Floats
from data.organs import BACKGROUND
from deeplab_panns.evidence import plot_style
from deeplab_panns.evidence.number_text import NONE
from deeplab_panns.evidence.text_table import Rows
from deeplab_panns.report.results.compared import Results
from deeplab_panns.scores import confusion

_WRITTEN = 0.01  # shares below are left blank
_LISTED = 5


def read(results: Results) -> dict[str, Floats] | None:
  """{method: shares of reference class, predicted class, [K + 1, K + 1], over all its runs}.

  K is the number of `label_organs`; a row sums to 1, or is NaN where the reference has no such voxel. None
  where a run has no counts of these organs.
  """
  found = {}
  for method in results.methods:
    counts = np.zeros((len(results.label_organs) + 1,) * 2, np.int64)
    for run in method.runs:
      if not (run.folder / "confusion.csv").is_file():
        return None
      organs, of_run = confusion.read_csv(run.folder / "confusion.csv")
      if organs != results.label_organs:
        return None
      counts += of_run
    found[method.name] = confusion.row_shares(counts)
  return found


def table(results: Results, shares: Mapping[str, Floats]) -> Rows:
  """The largest confusions of organs with each other, in % of the reference organ's voxels.

  Args:
    shares: as from `read`.
  """
  header = ["method", *(f"{number}." for number in range(1, _LISTED + 1))]
  return [header, *([name, *_largest(of_method, results.label_organs)] for name, of_method in shares.items())]


def _largest(shares: Floats, organs: Sequence[str]) -> list[str]:
  between = np.nan_to_num(shares[1:, 1:]) * (1 - np.eye(len(organs)))
  largest = np.argsort(between, axis=None)[::-1][:_LISTED]
  pairs = [np.unravel_index(index, between.shape) for index in largest]
  cells = [
    f"{organs[row]} → {organs[column]} {100 * between[row, column]:.0f} %"
    for row, column in pairs
    if between[row, column] > 0
  ]
  return cells + [NONE] * (_LISTED - len(cells))


def draw(results: Results, shares: Mapping[str, Floats]) -> bytes:
  """A matrix for each method, reference classes in rows, as the bytes of a PNG file; a row sums to 100 %.

  Args:
    shares: as from `read`.
  """
  columns = min(2, len(shares))
  rows = -(-len(shares) // columns)
  figure = plot_style.figure(6.3 * columns, 5.6 * rows)
  cells = plot_style.subplots(figure, rows, columns).ravel()
  names = [BACKGROUND, *results.label_organs]
  for axes in cells[len(shares) :]:
    axes.set_axis_off()
  for axes, (name, of_method) in zip(cells, shares.items()):
    _draw_matrix(axes, of_method, names)
    axes.set(title=plot_style.wrapped(name), xlabel="predicted as", ylabel="reference")
  return plot_style.png(figure)


def _draw_matrix(axes: Axes, shares: Floats, names: Sequence[str]) -> None:
  root = np.sqrt(np.nan_to_num(shares))  # lifts small shares into sight
  axes.imshow(root, cmap="Blues", vmin=0, vmax=1)
  for (row, column), share in np.ndenumerate(shares):
    if share >= _WRITTEN:  # False for NaN
      axes.text(
        column,
        row,
        f"{100 * share:.0f}",
        ha="center",
        va="center",
        fontsize=7,
        color="white" if share > 0.45 else "black",
        fontweight="bold" if row == column else "normal",
      )
  axes.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
  axes.set_yticks(range(len(names)), names, fontsize=8)
