"""The picture of prior_check: each case's share of each organ, labelled cases beside every partial set, on a
log scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from deeplab_panns.evidence import number_text, plot_style
from deeplab_panns.prior_check.case_sets import CaseSet
from deeplab_panns.prior_check.check import Check
from deeplab_panns.prior_check.share_agreement import FAILS, Agreement

_MAX_SETS = 7  # columns of more sets cannot be told apart
_MAX_COLUMNS_A_ROW = 44
_RED = "#C00000"


@dataclasses.dataclass(frozen=True)
class _Content:
  """What the rows of the picture share.

  Attributes:
    sets: the labelled cases first.
    colours: by name of the set.
    failing: by names of set and organ.
  """

  sets: Sequence[CaseSet]
  colours: Mapping[str, str]
  failing: Mapping[tuple[str, str], Agreement]
  tolerance: float


@dataclasses.dataclass(frozen=True)
class _Column:
  """One organ of one set: where it stands along x, and its cases' shares in %."""

  x: float
  width: float
  colour: str
  shares: npt.NDArray[np.float64]


def draw(found: Check) -> bytes:
  """The picture as the bytes of a PNG file.

  Points are cases, boxes quartiles and median, the black line q, the band what the tolerance allows. A
  logarithm has no zero, so cases without the organ are counted at the bottom. Where the prior does not hold,
  the ratio stands above in red.
  """
  sets = [found.labeled, *found.shown_sets()[:_MAX_SETS]]
  content = _Content(
    sets,
    plot_style.method_colours([one.name for one in sets]),
    {(a.set_name, a.organ): a for a in found.agreements if a.verdict == FAILS},
    found.tolerance,
  )
  organs = found.labeled.organs
  a_row = max(1, min(len(organs), _MAX_COLUMNS_A_ROW // max(2, len(sets))))
  rows = -(-len(organs) // a_row)
  a_row = -(-len(organs) // rows)  # rows of equal length
  figure = plot_style.figure(12, 0.8 + 3.4 * rows)
  for row, (axes,) in enumerate(plot_style.subplots(figure, rows, 1)):
    _draw_row(axes, organs[row * a_row : (row + 1) * a_row], content)
    axes.set_xlim(-0.5, a_row - 0.5)
    axes.set_ylabel(f"share of {'body' if found.body_only else 'scan'} in %")
  figure.legend(handles=_legend(axes, content), loc="outside upper left", ncols=4, frameon=False)
  return plot_style.png(figure)


def _legend(axes: Axes, content: _Content) -> list[Any]:
  def entry(*form: str, **options: Any) -> Any:
    return axes.plot([], [], *form, **options)[0]

  with matplotlib.rc_context({"text.parse_math": True}):
    ratio = entry(
      color=_RED, marker=r"$2\times$", markersize=12, linestyle="", label="does not hold: times q"
    )
  return [
    *(
      entry("s", color=content.colours[one.name], markersize=8, label=f"{one.name}, n = {len(one.cases)}")
      for one in content.sets
    ),
    entry(color="black", linewidth=1.6, label=f"q (band: within a factor of {content.tolerance:g})"),
    ratio,
  ]


def _draw_row(axes: Axes, organs: Sequence[str], content: _Content) -> None:
  sets = content.sets
  shares = {
    (one.name, organ): 100 * one.shares(organ) for one in sets for organ in organs if organ in one.organs
  }
  present = np.concatenate([values[values > 0] for values in shares.values()] or [np.ones(1)])
  low, high = (present.min(), present.max()) if len(present) else (0.1, 1.0)
  bottom = low / 2
  axes.set_yscale("log")
  axes.set_ylim(bottom / 3, high * 6)
  for index, organ in enumerate(organs):
    _draw_prior(axes, index, 100 * sets[0].mean_share(organ), content.tolerance)
    annotating = [one for one in sets if organ in one.organs]
    width = 0.84 / max(2, len(annotating))
    for number, one in enumerate(annotating):
      x = index + (number - (len(annotating) - 1) / 2) * width
      column = _Column(x, width, content.colours[one.name], shares[one.name, organ])
      _draw_column(axes, column, bottom)
      if (one.name, organ) in content.failing:
        _write_ratio(axes, column, bottom, content.failing[one.name, organ].ratio)
    if index:
      axes.axvline(index - 0.5, color="0.9", linewidth=0.8, zorder=0)
  axes.set_xticks(range(len(organs)), organs, rotation=20, ha="right")
  axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
  axes.grid(axis="y", color="0.93")
  axes.set_axisbelow(True)


def _draw_prior(axes: Axes, index: int, prior: float, tolerance: float) -> None:
  """q of the organ at an index along x, in %, and the band of what the tolerance allows."""
  if prior > 0:
    ends = [index - 0.46, index + 0.46]
    axes.fill_between(ends, prior / tolerance, prior * tolerance, color="0.92", zorder=0)
    axes.plot(ends, [prior, prior], color="black", linewidth=1.6, zorder=1)


def _write_ratio(axes: Axes, column: _Column, bottom: float, ratio: float) -> None:
  axes.text(
    column.x,
    max(column.shares.max(), bottom) * 1.4,
    f"{number_text.factor(ratio)}×",
    ha="center",
    va="bottom",
    color=_RED,
    fontsize=9,
    weight="bold",
    rotation=90,
  )


def _draw_column(axes: Axes, column: _Column, bottom: float) -> None:
  """Box and points of the cases that have the organ; the number of the others at the height `bottom`."""
  shares, colour = column.shares, column.colour
  present = shares[shares > 0]
  if len(present) >= 3:
    plot_style.box(axes, present, column.x, 0.7 * column.width, colour, opacity=0.3)
  axes.plot(
    (column.x + plot_style.sideways(len(shares), column.width, 0.22))[shares > 0],
    present,
    ".",
    color=colour,
    markersize=5 if len(shares) >= 3 else 9,
    markeredgewidth=0,
    alpha=0.8,
  )
  if len(present) < len(shares):
    _write_absent(axes, column, bottom, len(shares) - len(present))


def _write_absent(axes: Axes, column: _Column, bottom: float, absent: int) -> None:
  axes.plot([column.x], [bottom], "v", color=column.colour, markersize=5, markerfacecolor="none")
  axes.annotate(
    f"{absent} without",
    (column.x, bottom),
    (0, -4),
    textcoords="offset points",
    ha="center",
    va="top",
    fontsize=7,
    color=column.colour,
  )
