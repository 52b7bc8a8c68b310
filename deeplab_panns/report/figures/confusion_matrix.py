"""Which class the voxels of each organ were given, by method: left and right taken for each other show
here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.arrays import Floats
from data.organs import BACKGROUND
from deeplab_panns.evidence import plot_style
from deeplab_panns.evidence.number_text import NONE
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.result_tables import Rows
from deeplab_panns.scores import confusion

_WRITTEN = 0.01  # shares below are left blank
_LISTED = 5


def read(results: Results) -> dict[str, Floats] | None:
  """{method: row shares [K + 1, K + 1] over all its runs}, K of `label_organs`; None where a run has no such
  counts."""
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
  """The largest confusions of organs with each other, % of the reference organ's voxels."""
  rows = [["method", *(f"{place + 1}." for place in range(_LISTED))]]
  for name, of_method in shares.items():
    between = np.nan_to_num(of_method[1:, 1:]) * (1 - np.eye(len(results.label_organs)))
    largest = np.argsort(between, axis=None)[::-1][:_LISTED]
    pairs = [np.unravel_index(place, between.shape) for place in largest]
    cells = [
      f"{results.label_organs[row]} → {results.label_organs[column]} {100 * between[row, column]:.0f} %"
      for row, column in pairs
      if between[row, column] > 0
    ]
    rows.append([name, *cells, *[NONE] * (_LISTED - len(cells))])
  return rows


def draw(results: Results, shares: Mapping[str, Floats]) -> bytes:
  """PNG bytes: a matrix for each method, reference classes in rows; a row sums to 100 %."""
  columns = min(2, len(shares))
  rows = -(-len(shares) // columns)
  drawn = plot_style.figure(6.3 * columns, 5.6 * rows)
  axes = plot_style.subplots(drawn, rows, columns)
  names = [BACKGROUND, *results.label_organs]
  for place in axes.ravel()[len(shares) :]:
    place.set_axis_off()
  for place, (name, of_method) in zip(axes.ravel(), shares.items()):
    place.imshow(
      np.sqrt(np.nan_to_num(of_method)), cmap="Blues", vmin=0, vmax=1
    )  # the root lifts small shares into sight
    for (row, column), share in np.ndenumerate(of_method):
      if share >= _WRITTEN:  # False for NaN
        place.text(
          column,
          row,
          f"{100 * share:.0f}",
          ha="center",
          va="center",
          fontsize=7,
          color="white" if share > 0.45 else "black",
          fontweight="bold" if row == column else "normal",
        )
    place.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    place.set_yticks(range(len(names)), names, fontsize=8)
    place.set(title=plot_style.wrapped(name), xlabel="predicted as", ylabel="reference")
  return plot_style.png(drawn)
