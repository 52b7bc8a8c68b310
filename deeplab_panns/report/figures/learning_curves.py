"""Training over time: losses, divergence, validation, and each class's mean prediction p̄ against its share
q."""

from __future__ import annotations

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data.organs import BACKGROUND, tag
from deeplab_panns.evidence import plot_style
from deeplab_panns.report.results import events
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.events import Scalars
from deeplab_panns.report.results.scored_runs import ScoredRun

Curves = dict[str, list[tuple[ScoredRun, Scalars]]]
"""{method: [(run, its scalars)]}."""

_PANELS = (
  ("loss/labeled", "J_L, loss on labelled images"),
  ("loss/partial", "J_P, loss on partial images"),
  ("loss/prior", "prior, saddle value without λ2"),
  ("prior/kl", "KL(q ‖ p̄) in nats"),
  ("validation/dice/mean", "mean Dice on validation cases"),
  ("learning_rate/theta", "learning rate"),
)
_LOGARITHMIC = frozenset({"loss/labeled", "loss/partial", "prior/kl"})


def read(results: Results) -> Curves:
  """{method: [(run, scalars)]} of the runs that have events; see events.read_scalars."""
  found = {}
  for method in results.methods:
    curves = [(run, events.read_scalars(run.run_dir / "events")) for run in method.runs]
    found[method.name] = [(run, scalars) for run, scalars in curves if scalars]
  return found


def draw_training(curves: Curves) -> bytes | None:
  """PNG bytes, a panel for each quantity that any run has, a line for each run; None where there is none."""
  shown = [panel for panel in _PANELS if _has(curves, panel[0])]
  if not shown:
    return None
  columns = min(3, len(shown))
  rows = -(-len(shown) // columns)
  drawn = plot_style.figure(12.5, 2.9 * rows + 0.5)
  axes = plot_style.subplots(drawn, rows, columns).ravel()
  for place in axes[len(shown) :]:
    place.set_axis_off()
  for place, (name, title) in zip(axes, shown):
    _lines(place, curves, name)
    place.set(title=title, xlabel="step")
    if name in _LOGARITHMIC:
      _log_scale(place)
    place.grid(color="0.93")
    _mark_stage_2(place, curves)
  _legend(drawn, axes[0], curves, shown[0][0])
  return plot_style.png(drawn)


def draw_shares(results: Results, curves: Curves) -> bytes | None:
  """PNG bytes: p̄ / q of background and organs over the steps of stage 2; None where no run has them."""
  classes = [name for name in (BACKGROUND, *results.organs) if _has(curves, f"prior/p_bar/{tag(name)}")]
  if not classes:
    return None
  rows = -(-len(classes) // 5)
  drawn = plot_style.figure(12.5, 2.1 * rows + 0.5)
  axes = plot_style.subplots(drawn, rows, 5, sharex=True, sharey=True).ravel()
  for place in axes[len(classes) :]:
    place.set_axis_off()
  for place, name in zip(axes, classes):
    shares = _ratio_lines(place, curves, tag(name))
    place.axhline(1, color="black", linewidth=1, linestyle="--", zorder=0)
    place.set_title(f"{name}\nq = {100 * np.mean(shares):.2g} %", fontsize=9)
    place.set_yscale("log", base=2)
    place.set_ylim(1 / 8, 4)
    place.set_yticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4], ["⅛", "¼", "½", "1", "2", "4"])
    place.grid(color="0.93")
  for place in axes[::5]:
    place.set_ylabel("p̄ / q")
  for place in axes[max(0, len(classes) - 5) : len(classes)]:
    place.set_xlabel("step")
    place.tick_params(labelbottom=True)
  _legend(drawn, axes[0], curves, f"prior/p_bar/{tag(classes[0])}")
  return plot_style.png(drawn)


def _has(curves: Curves, name: str) -> bool:
  return any(name in scalars for runs in curves.values() for _, scalars in runs)


def _lines(axes: Axes, curves: Curves, name: str) -> None:
  for method, colour in plot_style.method_colours(curves).items():
    for _, scalars in curves[method]:
      if name in scalars:
        steps, values = scalars[name]
        axes.plot(steps, values, color=colour, alpha=0.8, marker="." if len(steps) < 12 else "")


def _ratio_lines(axes: Axes, curves: Curves, name: str) -> list[float]:
  """Draws p̄ / q of every run, clipped to what is shown; returns the q."""
  shares = []
  for method, colour in plot_style.method_colours(curves).items():
    for _, scalars in curves[method]:
      if f"prior/p_bar/{name}" in scalars and f"prior/q/{name}" in scalars:
        steps, predicted = scalars[f"prior/p_bar/{name}"]
        share = scalars[f"prior/q/{name}"][1][-1]
        shares.append(share)
        axes.plot(
          steps,
          np.clip(np.array(predicted) / max(share, 1e-12), 0.13, 3.95),
          color=colour,
          alpha=0.8,
          marker="." if len(steps) < 12 else "",
        )
  return shares


def _mark_stage_2(axes: Axes, curves: Curves) -> None:
  settings = [run.settings for runs in curves.values() for run, _ in runs]
  for start in {found["stage1_steps"] for found in settings if "stage1_steps" in found}:
    axes.axvline(start, color="0.6", linewidth=0.8, linestyle=":")


def _log_scale(axes: Axes) -> None:
  axes.set_yscale("log")
  low, high = axes.get_ylim()
  if high / low < 50:  # powers of ten alone would leave one tick or none
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def _legend(drawn: Figure, axes: Axes, curves: Curves, name: str) -> None:
  """Names the methods that have the scalar `name`."""
  handles = [
    axes.plot([], [], color=colour, linewidth=2, label=method)[0]
    for method, colour in plot_style.method_colours(curves).items()
    if _has({method: curves[method]}, name)
  ]
  drawn.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)), frameon=False)
