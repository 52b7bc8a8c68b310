"""The picture of a part: what each cell gains over `full`, its interval and seeds, and the gap to the oracle
it closes."""

from __future__ import annotations

from deeplab_panns.evidence import plot_style
from deeplab_panns.report.result_tables import whole_percent
from deeplab_panns.study.seed_scores import BASELINE

LEVEL = 0.05
_BELOW, _UNCLEAR, _ABOVE = "#D55E00", "#999999", "#0072B2"


def colour(compared):
  """Of a summary.Compared: below `full`, above it, or neither at LEVEL, as it is also without a test."""
  if compared.p is None or compared.p >= LEVEL:
    return _UNCLEAR
  return _ABOVE if compared.gain.difference > 0 else _BELOW


def draw(summary):
  """PNG bytes of a summary.Summary that has at least one gain."""
  shown = list(summary.gains.items())
  drawn = plot_style.figure(8, 1.7 + 0.27 * len(shown))
  axes = plot_style.subplots(drawn, 1, 1)[0, 0]
  for row, (_, compared) in enumerate(shown):
    gain = compared.gain
    if gain.interval is not None:
      axes.plot(
        [100 * end for end in gain.interval],
        [row, row],
        color=colour(compared),
        linewidth=2.5,
        solid_capstyle="butt",
      )
    axes.plot(100 * gain.difference, row, "o", color=colour(compared), markersize=7)
    axes.plot(
      [100 * difference for difference in gain.by_seed.values()],
      [row] * len(gain.by_seed),
      "|",
      color="0.35",
      markersize=9,
      markeredgewidth=1,
    )
  axes.axvline(0, color="0.2", linewidth=1)
  axes.set_yticks(range(len(shown)), [f"{name} ({len(compared.gain.by_seed)})" for name, compared in shown])
  axes.set_ylim(len(shown) - 0.5, -0.7)
  axes.grid(axis="x", color="0.92")
  axes.set_axisbelow(True)
  axes.set_xlabel(
    f"points of Dice above {BASELINE}\n"
    "dot: mean; ticks: seeds, their number in brackets; line: 95 % interval over seeds\n"
    f"blue above {BASELINE}, orange below (p < {LEVEL:g}, Holm), grey: neither is shown"
  )
  _note_gaps(axes, summary)
  axes.set_title(summary.part.name, loc="left")
  return plot_style.png(drawn)


def _note_gaps(axes, summary):
  """Beside each cell the share of the gap between full and oracle that it closes, on its own seeds."""
  notes = [
    (row, f"{whole_percent(summary.gaps[name].value)} %")
    for row, name in enumerate(summary.gains)
    if summary.gaps[name]
  ]
  for place, text in [(-0.9, "gap closed"), *notes] if notes else []:
    axes.text(1.015, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize="small")
