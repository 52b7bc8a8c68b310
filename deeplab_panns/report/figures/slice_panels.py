"""Draws one axial slice with organs tinted and outlined; what the report's pictures are made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import contourpy  # a part of matplotlib's installation
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from data.arrays import Floats, Labels
from data.organs import IGNORE
from deeplab_panns.evidence import plot_style
from deeplab_panns.scores.compared_slices import ComparedSlice

Box = tuple[slice, slice]
"""(y, x) of a slice."""

TINT = 0.3


def draw(
  axes: Axes, part: ComparedSlice, labels: Labels, organs: Sequence[str], reference: Labels | None = None
) -> None:
  """A grey slice with `labels` in the organs' colours, and the outline of `reference` in white.

  Args:
    labels: [y, x], of `part`; IGNORE is shown as background.
    organs: names, in the order of the label values.
    reference: [y, x], or None.
  """
  colours = plot_style.organ_rgb(len(organs))
  labels = _organs_only(labels, len(organs))
  grey = np.repeat(part.image[..., None] / 255.0, 3, axis=-1)
  tinted = np.where(
    labels[..., None] == 0, grey, (1 - TINT) * grey + TINT * np.vstack([np.zeros(3), colours])[labels]
  )
  axes.imshow(tinted, aspect=part.spacing_mm[0] / part.spacing_mm[1], interpolation="bilinear")
  if reference is not None:  # below the outline of the labels, so that their colour is seen where both agree
    _outline(axes, _organs_only(reference, len(organs)), np.ones_like(colours), 0.9)
  _outline(axes, labels, colours, 1.3)
  axes.set_xticks([])
  axes.set_yticks([])


def zoom(axes: Axes, box: Box) -> None:
  """Shows only `box`, slices (y, x) of the slice."""
  axes.set_xlim(box[1].start - 0.5, box[1].stop - 0.5)
  axes.set_ylim(box[0].stop - 0.5, box[0].start - 0.5)


def legend(figure: Figure, values: Collection[int], organs: Sequence[str], with_reference: bool) -> None:
  """Names the colours of the label values that are shown, below a figure."""
  colours = plot_style.organ_rgb(len(organs))
  axes = figure.axes[0]
  handles = [
    axes.plot([], [], color=colours[value - 1], linewidth=4, label=organs[value - 1])[0]
    for value in sorted(values)
  ]
  if with_reference:
    handles.append(axes.plot([], [], color="0.6", linewidth=1, label="white: reference")[0])
  figure.legend(
    handles=handles,
    loc="outside lower center",
    ncols=max(1, int(figure.get_figwidth() / 1.8)),
    frameon=False,
    handlelength=1.2,
  )


def organ_values(*label_maps: Labels, count: int) -> set[int]:
  """The organs' values that any of the label maps shows."""
  return {int(value) for labels in label_maps for value in np.unique(labels) if 0 < value <= count}


def _organs_only(labels: Labels, count: int) -> Labels:
  return np.where((labels == IGNORE) | (labels > count), 0, labels)


def _outline(axes: Axes, labels: Labels, colours: Floats, width: float) -> None:
  """Outlines of all values above 0, halfway between pixels, in one collection: `axes.contour` takes ten times
  as long."""
  lines, line_colours = [], []
  for value in np.unique(labels[labels > 0]):
    # padded, so that the outline closes at the slice's edge
    generator = contourpy.contour_generator(z=np.pad(labels == value, 1).astype(np.float32))
    found = [np.asarray(line) - 1 for line in generator.lines(0.5)]
    lines += found
    line_colours += [colours[value - 1]] * len(found)
  axes.add_collection(LineCollection(lines, colors=line_colours, linewidths=width))
