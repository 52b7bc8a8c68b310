"""Organ volumes, predicted against reference, of all cases and methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from deeplab_panns.evidence import plot_style
from deeplab_panns.report.results.compared import Results
from deeplab_panns.scores import organ_volumes
from deeplab_panns.scores.organ_volumes import OrganVolume

Limits = tuple[tuple[float, float], tuple[float, float]]
"""((x low, high), (y low, high)) in mL."""

# Predictions below the smallest reference over this are shown at the edge, as is nothing predicted.
_REACH = 20


def read(results: Results) -> dict[str, list[OrganVolume]] | None:
  """{method: OrganVolumes of all its runs}, or None where a run has none."""
  if not all((run.folder / "volumes.csv").is_file() for method in results.methods for run in method.runs):
    return None
  return {
    method.name: [
      volume for run in method.runs for volume in organ_volumes.read_csv(run.folder / "volumes.csv")
    ]
    for method in results.methods
  }


def draw(results: Results, volumes: Mapping[str, Sequence[OrganVolume]]) -> bytes:
  """A panel for each method, both axes logarithmic, as the bytes of a PNG file.

  Args:
    volumes: as from `read`; at least one reference is above 0 mL.
  """
  columns = min(3, len(volumes))
  rows = -(-len(volumes) // columns)
  figure = plot_style.figure(4.2 * columns, 4.85 * rows + 0.7)
  panels = plot_style.subplots(figure, rows, columns, sharex=True, sharey=True).ravel()
  limits = _limits([volume for found in volumes.values() for volume in found])
  for axes, (name, found) in zip(panels, volumes.items()):
    _draw_method(axes, name, found, results.organs, limits)
  for axes in panels[len(volumes) :]:
    axes.set_axis_off()
  handles, labels = panels[0].get_legend_handles_labels()
  figure.legend(
    handles,
    labels,
    loc="outside lower center",
    ncols=max(2, int(figure.get_figwidth() / 1.6)),
    frameon=False,
    markerscale=1.3,
    handletextpad=0.2,
  )
  return plot_style.png(figure)


def _limits(volumes: Sequence[OrganVolume]) -> Limits:
  """The ends of both axes; what is below a low end is shown on it."""
  references = [volume.reference_ml for volume in volumes if volume.reference_ml > 0]
  predicted = [volume.predicted_ml for volume in volumes if volume.predicted_ml > 0]
  high = 1.5 * max(references + predicted)
  low = max(min(predicted, default=0), min(references) / _REACH) / 2
  return (min(references) / 2, high), (min(low, min(references) / 2), high)


def _draw_method(
  axes: Axes, name: str, found: Sequence[OrganVolume], organs: Sequence[str], limits: Limits
) -> None:
  (left, right), (bottom, top) = limits
  axes.plot([left, right], [left, right], color="0.5", linewidth=1, zorder=0)
  for organ, colour in zip(organs, plot_style.organ_rgb(len(organs))):
    pairs = [(volume.reference_ml, volume.predicted_ml) for volume in found if volume.organ == organ]
    x, y = np.maximum(np.reshape(pairs, (-1, 2)), [left, bottom]).T
    axes.scatter(
      x,
      y,
      s=22,
      color=[0.85 * colour],
      linewidths=0.4,
      edgecolors="0.2",
      label=organ,
      clip_on=False,
      zorder=3,
    )
  axes.set(
    xscale="log",
    yscale="log",
    xlim=(left, right),
    ylim=(bottom, top),
    title=plot_style.wrapped(name),
    xlabel="reference in mL (on the lower edge: not predicted)",
    ylabel="predicted in mL",
  )
  plot_style.plain_ticks(axes.xaxis)
  plot_style.plain_ticks(axes.yaxis)
  axes.tick_params(labelbottom=True, labelleft=True)
  axes.grid(color="0.93")
  axes.set_box_aspect(1)
