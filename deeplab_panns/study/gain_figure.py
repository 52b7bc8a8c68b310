"""The pictures of a part: what each cell gains over `full`, its interval and seeds, and the gap to the oracle
that it closes; and gains against how many patients are labelled and how large stage 1 draws organs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Transform, offset_copy

from deeplab_panns.evidence import plot_style
from deeplab_panns.evidence.number_text import whole_percent
from deeplab_panns.study.gains import BASELINE, Gain
from deeplab_panns.study.summary import (
  Compared,
  GainAtDose,
  GainAtSize,
  LineOfSeries,
  Summary,
  lines_of_series,
)

LEVEL = 0.05
_BELOW, _UNCLEAR, _ABOVE = "#D55E00", "#999999", "#0072B2"


def colour(compared: Compared) -> str:
  """The colour of a cell that is below `full`, above it, or, at LEVEL or without a test, neither."""
  if compared.p is None or compared.p >= LEVEL:
    return _UNCLEAR
  return _ABOVE if compared.gain.difference > 0 else _BELOW


def draw(summary: Summary) -> bytes:
  """The picture as the bytes of a PNG file. The summary has at least one gain."""
  gains = summary.gains
  figure = plot_style.figure(8, 1.7 + 0.27 * len(gains))
  axes = plot_style.subplots(figure, 1, 1)[0, 0]
  for row, compared in enumerate(gains.values()):
    _draw_gain(axes, row, compared.gain, colour(compared))
  axes.axvline(0, color="0.2", linewidth=1)
  names = [f"{name} ({len(compared.gain.by_seed)})" for name, compared in gains.items()]
  axes.set_yticks(range(len(names)), names)
  axes.set_ylim(len(names) - 0.5, -0.7)
  axes.grid(axis="x", color="0.92")
  axes.set_axisbelow(True)
  axes.set_xlabel(
    f"points of Dice above {BASELINE}\n"
    "dot: mean; ticks: seeds, their number in brackets; line: 95 % interval over seeds\n"
    f"blue above {BASELINE}, orange below (p < {LEVEL:g}, Holm), grey: neither is shown"
  )
  _note_gaps(axes, summary)
  axes.set_title(summary.part.name, loc="left")
  return plot_style.png(figure)


def _draw_gain(axes: Axes, row: int, gain: Gain, gain_colour: str) -> None:
  """Interval, mean and seeds of a cell, at the height `row`, in points of Dice."""
  if gain.interval is not None:
    ends = [100 * end for end in gain.interval]
    axes.plot(ends, [row, row], color=gain_colour, linewidth=2.5, solid_capstyle="butt")
  axes.plot(100 * gain.difference, row, "o", color=gain_colour, markersize=7)
  seeds = [100 * difference for difference in gain.by_seed.values()]
  axes.plot(seeds, [row] * len(seeds), "|", color="0.35", markersize=9, markeredgewidth=1)


def _note_gaps(axes: Axes, summary: Summary) -> None:
  """Beside each cell the share of the gap between full and oracle that it closes, on its own seeds."""
  gaps = [summary.gaps[name] for name in summary.gains]
  notes = [(row, f"{whole_percent(gap.value)} %") for row, gap in enumerate(gaps) if gap is not None]
  for y, text in [(-0.9, "gap closed"), *notes] if notes else []:
    axes.text(1.015, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize="small")


def draw_doses(found: Sequence[GainAtDose]) -> bytes:
  """Gains in points of Dice against the number of labelled patients, as a PNG file.

  A small dot is a seed, a large one the mean over seeds; a line joins the means of a series.

  Args:
    found: at least one.
  """
  colours = _series_colours(found)
  figure, axes = _gain_axes(4.2)
  for index, name in enumerate(colours):
    # side by side, so that no series hides another
    beside = 1.025 ** (index - (len(colours) - 1) / 2)
    own = sorted((item for item in found if item.point.series == name), key=lambda item: item.labeled)
    for item in own:
      seeds = [100 * gain for gain in item.gain.by_seed.values()]
      axes.plot(
        [item.labeled * beside] * len(seeds), seeds, ".", color=colours[name], markersize=4, alpha=0.5
      )
    middles = [(item.labeled * beside, 100 * item.gain.difference) for item in own]
    axes.plot(*zip(*middles), "o-", color=colours[name], markersize=6, label=name)
  labeled = sorted({item.labeled for item in found})
  axes.set_xscale("log")
  axes.set_xticks(labeled, [str(count) for count in labeled])
  axes.set_xticks([], minor=True)
  axes.set_xlabel("labelled patients\nsmall dot: a seed; large dot: mean over seeds")
  axes.set_ylabel("points of Dice gained")
  axes.legend(frameon=False)
  return plot_style.png(figure)


def draw_sizes(found: Sequence[GainAtSize]) -> bytes:
  """Gains in points of Dice against the mean log ratio of the sizes that stage 1 draws, as a PNG file.

  A small dot is a seed, a large one with its interval the mean over seeds, above the name of the cell of its
  stage 1; a line is the least-squares line of a series.

  Args:
    found: at least one.
  """
  colours = _series_colours(found)
  figure, axes = _gain_axes(4.6)
  lines = lines_of_series(found)
  for index, (name, colour_of_series) in enumerate(colours.items()):
    own = [item for item in found if item.point.series == name]
    # side by side, so that no interval hides another
    points = 3 * (index - (len(colours) - 1) / 2)
    beside = offset_copy(axes.transData, figure, x=points, units="points")
    for item in own:
      _draw_at_size(axes, item, colour_of_series, beside)
    _draw_line(axes, lines[name], colour_of_series, name)
  _name_places(axes, {item.point.sizes: item.log_size for item in found})
  axes.set_xlabel(
    "mean log ratio of drawn to true organ sizes, stage 1 on unseen scans\n0: as large as they are"
  )
  axes.set_ylabel("points of Dice")
  # above the plot: inside, it would hide names or seeds
  axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3)
  return plot_style.png(figure)


def _series_colours(found: Sequence[GainAtDose | GainAtSize]) -> dict[str, str]:
  """{series: its colour}, in the order of the part's lines."""
  return plot_style.method_colours(dict.fromkeys(item.point.series for item in found))


def _gain_axes(height: float) -> tuple[Figure, Axes]:
  """An empty plot of gains, `height` in inches, with a line at no gain."""
  figure = plot_style.figure(7, height)
  axes = plot_style.subplots(figure, 1, 1)[0, 0]
  axes.axhline(0, color="0.2", linewidth=1)
  axes.grid(color="0.93")
  axes.set_axisbelow(True)
  return figure, axes


def _draw_at_size(axes: Axes, item: GainAtSize, of_series: str, beside: Transform) -> None:
  seeds = [(item.log_sizes[seed], 100 * gain) for seed, gain in item.gain.by_seed.items()]
  axes.plot(*zip(*seeds), ".", color=of_series, markersize=4, alpha=0.5)
  at = item.log_size
  if item.gain.interval is not None:
    ends = [100 * end for end in item.gain.interval]
    axes.plot([at] * 2, ends, color=of_series, linewidth=2, transform=beside)
    axes.update_datalim([(at, end) for end in ends])  # not counted by itself
  axes.plot(at, 100 * item.gain.difference, "o", color=of_series, markersize=7, transform=beside)


def _name_places(axes: Axes, places: dict[str, float]) -> None:
  """Writes each stage 1 once, upright at the bottom of its place; two that are close at either side."""
  left, right = axes.get_xlim()
  names = sorted(places, key=places.__getitem__)
  for name, following in itertools.zip_longest(names, names[1:]):
    close = following is not None and places[following] - places[name] < 0.05 * (right - left)
    axes.annotate(
      name,
      (places[name], 0),
      (-5 if close else 5, 6),
      xycoords=axes.get_xaxis_transform(),
      textcoords="offset points",
      ha="right" if close else "left",
      rotation=90,
      fontsize="small",
      color="0.25",
    )


def _draw_line(axes: Axes, line: LineOfSeries, of_series: str, name: str) -> None:
  ends = np.array([line.least, line.most])
  label = f"{name}: " + ("no zero" if line.zero is None else f"zero at {line.zero:.2f}")
  axes.plot(ends, 100 * (line.start + line.slope * ends), "--", color=of_series, linewidth=1, label=label)
