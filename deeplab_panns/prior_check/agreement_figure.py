"""The picture of prior_check: each case's share of each organ, labelled cases beside every partial set, on a
log scale."""

from __future__ import annotations

import numpy as np

from deeplab_panns.evidence import plot_style
from deeplab_panns.prior_check.share_agreement import FAILS

_MAX_SETS = 7  # more columns than that cannot be told apart
_MAX_COLUMNS_A_ROW = 44
_RED = "#C00000"


def draw(check, tolerance, body_only):
  """PNG bytes of a `prior_check.Check`.

  Points: cases; box: quartiles and median; black line: q; band: what the tolerance allows. Cases without the
    organ are
  counted at the floor, since a logarithm has no zero. Where the prior does not hold, the ratio stands above
  in red.
  """
  sets = [check.labeled, *check.shown_sets()[:_MAX_SETS]]
  fails = {(a.set_name, a.organ): a for a in check.agreements if a.verdict == FAILS}
  organs = check.labeled.organs
  a_row = max(1, min(len(organs), _MAX_COLUMNS_A_ROW // max(2, len(sets))))
  rows = -(-len(organs) // a_row)
  a_row = -(-len(organs) // rows)  # rows of equal length
  drawn = plot_style.figure(12, 0.8 + 3.4 * rows)
  for row, (axes,) in enumerate(plot_style.subplots(drawn, rows, 1)):
    _draw_row(axes, organs[row * a_row : (row + 1) * a_row], sets, (fails, tolerance))
    axes.set_xlim(-0.5, a_row - 0.5)
    axes.set_ylabel(f"share of {'body' if body_only else 'scan'} in %")
  colours = plot_style.method_colours([one.name for one in sets])
  handles = [
    axes.plot([], [], "s", color=colours[one.name], markersize=8, label=f"{one.name}, n = {len(one.cases)}")[
      0
    ]
    for one in sets
  ]
  handles.append(
    axes.plot([], [], color="black", linewidth=1.6, label=f"q (band: within a factor of {tolerance:g})")[0]
  )
  handles.append(
    axes.plot(
      [], [], color=_RED, marker=r"$2\times$", markersize=12, linestyle="", label="does not hold: times q"
    )[0]
  )
  drawn.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False)
  return plot_style.png(drawn)


def _draw_row(axes, organs, sets, verdicts):
  fails, tolerance = verdicts
  shares = {
    (one.name, organ): 100 * one.shares(organ) for one in sets for organ in organs if organ in one.organs
  }
  present = np.concatenate([values[values > 0] for values in shares.values()] or [np.ones(1)])
  low, high = (present.min(), present.max()) if len(present) else (0.1, 1.0)
  floor = low / 2
  axes.set_yscale("log")
  axes.set_ylim(floor / 3, high * 6)
  for place, organ in enumerate(organs):
    _draw_prior(axes, place, 100 * sets[0].pooled_share(organ), tolerance)
    columns = [one for one in sets if organ in one.organs]
    width = 0.84 / max(2, len(columns))
    for number, one in enumerate(columns):
      at = place + (number - (len(columns) - 1) / 2) * width
      colour = plot_style.method_colours([one.name for one in sets])[one.name]
      _draw_column(axes, at, width, shares[one.name, organ], (floor, colour))
      if (one.name, organ) in fails:
        top = max(shares[one.name, organ].max(), floor) * 1.4
        axes.text(
          at,
          top,
          f"{fails[one.name, organ].ratio:.2g}×",
          ha="center",
          va="bottom",
          color=_RED,
          fontsize=9,
          weight="bold",
          rotation=90,
        )
    if place:
      axes.axvline(place - 0.5, color="0.9", linewidth=0.8, zorder=0)
  axes.set_xticks(range(len(organs)), organs, rotation=20, ha="right")
  axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
  axes.grid(axis="y", color="0.93")
  axes.set_axisbelow(True)


def _draw_prior(axes, place, prior, tolerance):
  if prior > 0:
    axes.fill_between(
      [place - 0.46, place + 0.46], prior / tolerance, prior * tolerance, color="0.92", zorder=0
    )
    axes.plot([place - 0.46, place + 0.46], [prior, prior], color="black", linewidth=1.6, zorder=1)


def _draw_column(axes, at, width, values, style):
  floor, colour = style
  present = values[values > 0]
  if len(present) >= 3:
    axes.boxplot(
      [present],
      positions=[at],
      widths=0.7 * width,
      patch_artist=True,
      showfliers=False,
      manage_ticks=False,
      boxprops={"facecolor": colour, "alpha": 0.3, "edgecolor": colour},
      medianprops={"color": colour, "linewidth": 2},
      whiskerprops={"color": colour},
      capprops={"color": colour},
    )
  spread = (
    np.random.default_rng(0).uniform(-0.22, 0.22, len(values)) * width
  )  # so that equal cases do not hide each other
  axes.plot(
    (at + spread)[values > 0],
    present,
    ".",
    color=colour,
    markersize=5 if len(values) >= 3 else 9,
    markeredgewidth=0,
    alpha=0.8,
  )
  absent = int(np.sum(values == 0))
  if absent:
    axes.plot([at], [floor], "v", color=colour, markersize=5, markerfacecolor="none")
    axes.annotate(
      f"{absent} without",
      (at, floor),
      (0, -4),
      textcoords="offset points",
      ha="center",
      va="top",
      fontsize=7,
      color=colour,
    )
