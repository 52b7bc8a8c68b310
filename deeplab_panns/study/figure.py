"""The picture of a part: what each cell gains over `full`, its interval and seeds, up to the oracle."""
from __future__ import annotations

from deeplab_panns import plot_style
from deeplab_panns.study.scores import BASELINE, ORACLE

_COLOURS = ("#D55E00", "#999999", "#0072B2")  # below full, not told apart from it, above


def draw(summary):
  """PNG bytes of a summary.Summary that has at least one gain."""
  shown = list(summary.gains.items())
  drawn = plot_style.figure(8, 1.5 + 0.27 * len(shown))
  axes = plot_style.subplots(drawn, 1, 1)[0, 0]
  for row, (name, gain) in enumerate(shown):
    mean = gain.volumes.difference
    wide, narrow = (found or (mean, mean) for found in (gain.seeds.interval, gain.volumes.interval))
    colour = _COLOURS[1 + (wide[0] > 0) - (wide[1] < 0)]
    for (low, high), width in ((wide, 1.2), (narrow, 4)):
      axes.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=width, solid_capstyle="butt")
    axes.plot(100 * mean, row, "o", color=colour, markersize=7)
    gains = _seed_gains(summary.cells[name], summary.cells[BASELINE])
    axes.plot(gains, [row] * len(gains), "|", color="0.35", markersize=9, markeredgewidth=1)
  axes.axvline(0, color="0.2", linewidth=1)
  axes.set_yticks(range(len(shown)), [name for name, _ in shown])
  axes.set_ylim(len(shown) - 0.5, -0.7)
  axes.grid(axis="x", color="0.92")
  axes.set_axisbelow(True)
  axes.set_xlabel("points of Dice above full\n"
                  "dot: mean; ticks: seeds; 95 % intervals, thin: over seeds, thick: over volumes")
  _mark_oracle(axes, summary)
  axes.set_title(f"{summary.part.name}: {'up to ' if summary.missing else ''}{len(summary.seeds)} seeds", loc="left")
  return plot_style.png(drawn)


def _seed_gains(ours, theirs):
  means, others = ours.seed_means, theirs.seed_means
  return [100 * (means[seed] - others[seed]) for seed in means if seed in others]


def _mark_oracle(axes, summary):
  """A second scale along the top: the share of the gap between full and oracle."""
  gain = summary.gains.get(ORACLE)
  if gain is None or gain.volumes.difference <= 0:
    return
  gap = 100 * gain.volumes.difference
  axes.axvline(gap, color="0.2", linewidth=1, linestyle="--")
  there_and_back = (lambda points: 100 * points / gap), (lambda share: share * gap / 100)
  scale = axes.secondary_xaxis("top", functions=there_and_back)
  scale.set_xlabel("gap to the oracle closed, %")
