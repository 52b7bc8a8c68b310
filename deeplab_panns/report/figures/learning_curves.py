"""Training over time: losses, divergence, validation, and each class's mean prediction p̄ over its share q."""

from __future__ import annotations

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
  """The scalars of the runs that have events."""
  found = {}
  for method in results.methods:
    curves = [(run, events.read_scalars(run.run_dir / "events")) for run in method.runs]
    found[method.name] = [(run, scalars) for run, scalars in curves if scalars]
  return found


def draw_training(curves: Curves) -> bytes | None:
  """A panel for each quantity that any run has, a line for each run, as the bytes of a PNG file.

  None where there is no such quantity.
  """
  shown = [panel for panel in _PANELS if _has(curves, panel[0])]
  if not shown:
    return None
  columns = min(3, len(shown))
  rows = -(-len(shown) // columns)
  figure = plot_style.figure(12.5, 2.9 * rows + 0.5)
  panels = plot_style.subplots(figure, rows, columns).ravel()
  for axes in panels[len(shown) :]:
    axes.set_axis_off()
  for axes, (name, title) in zip(panels, shown):
    _lines(axes, curves, name)
    axes.set(title=title, xlabel="step")
    if name in _LOGARITHMIC:
      axes.set_yscale("log")
      plot_style.plain_ticks(axes.yaxis)
    axes.grid(color="0.93")
    _mark_stage_2(axes, curves)
  _legend(figure, panels[0], curves, shown[0][0])
  return plot_style.png(figure)


def draw_shares(results: Results, curves: Curves) -> bytes | None:
  """p̄ / q of background and organs over the steps of stage 2, as the bytes of a PNG file.

  None where no run has them.
  """
  classes = [name for name in (BACKGROUND, *results.organs) if _has(curves, f"prior/p_bar/{tag(name)}")]
  if not classes:
    return None
  rows = -(-len(classes) // 5)
  figure = plot_style.figure(12.5, 2.1 * rows + 0.5)
  panels = plot_style.subplots(figure, rows, 5, sharex=True, sharey=True).ravel()
  for axes in panels[len(classes) :]:
    axes.set_axis_off()
  for axes, name in zip(panels, classes):
    _draw_class(axes, curves, name)
  for axes in panels[::5]:
    axes.set_ylabel("p̄ / q")
  for axes in panels[max(0, len(classes) - 5) : len(classes)]:
    axes.set_xlabel("step")
    axes.tick_params(labelbottom=True)
  _legend(figure, panels[0], curves, f"prior/p_bar/{tag(classes[0])}")
  return plot_style.png(figure)


def _draw_class(axes: Axes, curves: Curves, name: str) -> None:
  shares = _ratio_lines(axes, curves, tag(name))
  axes.axhline(1, color="black", linewidth=1, linestyle="--", zorder=0)
  least, most = (f"{100 * end:.2g}" for end in (min(shares), max(shares)))
  axes.set_title(f"{name}\nq = {least if least == most else f'{least} to {most}'} %", fontsize=9)
  axes.set_yscale("log", base=2)
  axes.set_ylim(1 / 8, 4)
  axes.set_yticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4], ["⅛", "¼", "½", "1", "2", "4"])
  axes.grid(color="0.93")


def _has(curves: Curves, name: str) -> bool:
  return any(name in scalars for runs in curves.values() for _, scalars in runs)


def _lines(axes: Axes, curves: Curves, name: str) -> None:
  for method, colour in plot_style.method_colours(curves).items():
    for _, scalars in curves[method]:
      if name in scalars:
        steps, values = scalars[name]
        axes.plot(steps, values, color=colour, alpha=0.8, marker="." if len(steps) < 12 else "")


def _ratio_lines(axes: Axes, curves: Curves, name: str) -> list[float]:
  """Draws p̄ / q of every run for a class, clipped to what is shown; returns every q.

  Of `--anchored_prior` q is another one at every step: what is expected around the annotated organs.
  """
  shares = []
  for method, colour in plot_style.method_colours(curves).items():
    for _, scalars in curves[method]:
      if f"prior/p_bar/{name}" in scalars and f"prior/q/{name}" in scalars:
        steps, predicted = scalars[f"prior/p_bar/{name}"]
        q = np.interp(steps, *scalars[f"prior/q/{name}"])  # a run that went on may lack one of the two
        shares += q.tolist()
        axes.plot(
          steps,
          np.clip(np.array(predicted) / np.maximum(q, 1e-12), 0.13, 3.95),
          color=colour,
          alpha=0.8,
          marker="." if len(steps) < 12 else "",
        )
  return shares


def _mark_stage_2(axes: Axes, curves: Curves) -> None:
  settings = [run.settings for runs in curves.values() for run, _ in runs]
  for start in {found["stage1_steps"] for found in settings if "stage1_steps" in found}:
    axes.axvline(start, color="0.6", linewidth=0.8, linestyle=":")


def _legend(figure: Figure, axes: Axes, curves: Curves, name: str) -> None:
  """Names the methods that have the scalar `name`."""
  handles = [
    axes.plot([], [], color=colour, linewidth=2, label=method)[0]
    for method, colour in plot_style.method_colours(curves).items()
    if _has({method: curves[method]}, name)
  ]
  figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(handles)), frameon=False)
