"""Slices with reference and every method side by side, each with a zoom, as the paper's Fig. 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.patches import Rectangle

from data.arrays import Labels, Mask
from deeplab_panns.evidence import plot_style
from deeplab_panns.report.figures import slice_panels
from deeplab_panns.report.figures.slice_panels import Box
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.scored_runs import case_id
from deeplab_panns.scores import compared_slices
from deeplab_panns.scores.compared_slices import ComparedSlice
from deeplab_panns.scores.metrics import dice

SliceKey = tuple[str, int]
"""(case key, z)."""
SlicesOfMethods = dict[str, dict[SliceKey, ComparedSlice]]
"""By name of the method."""

MAX_SLICES = 5
_MARGIN = 0.35  # of a zoomed organ's size, around it
_SMALL = 0.4  # of the slice's longer side


def read_slices(results: Results) -> SlicesOfMethods:
  """The slices that the runs of each method have; of runs that have the same slice the first run's."""
  found = {}
  for method in results.methods:
    slices: dict[SliceKey, ComparedSlice] = {}
    for run in method.runs:
      if (run.folder / "slices.npz").is_file():
        for part in compared_slices.read(run.folder / "slices.npz"):
          slices.setdefault((run.key(part.case), part.z), part)
    found[method.name] = slices
  return found


def shared_slices(slices: SlicesOfMethods) -> list[SliceKey]:
  """Up to MAX_SLICES slices that all methods have, and whose choice no prediction decided.

  First those with the most organs, case by case, then the second ones of the cases.
  """
  first, *others = slices.values()
  shared = [
    key
    for key, part in first.items()
    if not part.why.startswith("worst")
    and all(key in theirs and theirs[key].image.shape == part.image.shape for theirs in others)
  ]
  shared.sort(key=lambda key: first[key].why != "most organs")  # stable: cases stay in their order
  return shared[:MAX_SLICES]


def draw(results: Results, slices: SlicesOfMethods) -> bytes:
  """Two rows a slice, whole and zoomed, as the bytes of a PNG file.

  Args:
    slices: as from `read_slices`, with at least one shared.
  """
  keys = shared_slices(slices)
  names = [method.name for method in results.methods]
  columns = 1 + len(names)
  width = min(3.0, 12.5 / columns)
  heights = [_height(slices[names[0]][key], width) for key in keys]
  figure = plot_style.figure(width * columns, sum(heights) * 2 + 0.5 + 0.5 * len(keys))
  axes = plot_style.subplots(figure, 2 * len(keys), columns, height_ratios=np.repeat(heights, 2))
  values: set[int] = set()
  for row, key in enumerate(keys):
    parts = [slices[name][key] for name in names]
    shown = parts[0].reference, *(part.predicted for part in parts)
    values |= slice_panels.organ_values(*shown, count=len(results.label_organs))
    _draw_slice(axes[2 * row : 2 * row + 2], key, parts, results.label_organs)
  for column, title in enumerate(["reference", *names]):
    axes[0, column].set_title(plot_style.wrapped(title, int(9 * width)), fontweight="bold", fontsize=11)
  slice_panels.legend(figure, values, results.label_organs, with_reference=True)
  return plot_style.png(figure)


def _height(part: ComparedSlice, width: float) -> float:
  return width * part.image.shape[0] * part.spacing_mm[0] / (part.image.shape[1] * part.spacing_mm[1])


def _draw_slice(
  axes: npt.NDArray[np.object_], key: SliceKey, parts: Sequence[ComparedSlice], organs: Sequence[str]
) -> None:
  """Fills two rows of axes: reference, then methods; above whole, below zoomed."""
  reference = parts[0].reference
  value = _telling_organ(parts, len(organs))
  box = _box_around(reference, value)
  for row in axes:
    slice_panels.draw(row[0], parts[0], reference, organs)
    for panel, part in zip(row[1:], parts):
      slice_panels.draw(panel, part, part.predicted, organs, reference)
  for panel in axes[1]:
    slice_panels.zoom(panel, box)
  for panel in axes[0]:
    panel.add_patch(_frame(box))
  axes[0, 0].set_ylabel(f"{case_id(key[0])}\nslice {key[1]}", fontsize=10)
  axes[1, 0].set_ylabel(f"zoom:\n{organs[value - 1]}", fontsize=10)
  for panel, part in zip(axes[1, 1:], parts):
    panel.set_xlabel(f"{organs[value - 1]} here: {_slice_dice(part, value):.2f}")


def _telling_organ(parts: Sequence[ComparedSlice], count: int) -> int:
  """The value of the reference's organ on which the methods differ most in this slice; of equals the largest.

  An organ that fills most of the slice needs no zoom: it is taken only where there is no other.
  """
  reference = parts[0].reference
  values = sorted(slice_panels.organ_values(reference, count=count))
  if not values:
    return 1
  small = [
    value for value in values if max(_extent(reference == value)) < _SMALL * max(reference.shape)
  ] or values
  spreads = {value: np.ptp([_slice_dice(part, value) for part in parts]) for value in small}
  return max(small, key=lambda value: (round(spreads[value], 6), np.count_nonzero(reference == value)))


def _extent(mask: Mask) -> list[int]:
  """(y, x) pixels from the first to the last of a mask that is not empty."""
  return [int(np.ptp(np.flatnonzero(mask.any(axis=1 - axis)))) + 1 for axis in range(2)]


def _slice_dice(part: ComparedSlice, value: int) -> float:
  return dice((part.reference == value)[None], (part.predicted == value)[None])


def _box_around(reference: Labels, value: int) -> Box:
  """Slices (y, x) around an organ of the reference, with a margin.

  Square in pixels, and at least a fifth of the slice's longer side.
  """
  mask = reference == value
  mask = mask if mask.any() else np.ones_like(mask)
  ends = [np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] for axis in range(2)]
  side = max(max(high - low + 1 for low, high in ends) * (1 + 2 * _MARGIN), max(mask.shape) / 5)
  sides = [min(size, int(np.ceil(side))) for size in mask.shape]
  starts = [
    int(np.clip((low + high + 1 - length) // 2, 0, size - length))
    for (low, high), length, size in zip(ends, sides, mask.shape)
  ]
  y, x = (slice(start, start + length) for start, length in zip(starts, sides))
  return y, x


def _frame(box: Box) -> Rectangle:
  height, width = (part.stop - part.start for part in box)
  return Rectangle(
    (box[1].start - 0.5, box[0].start - 0.5),
    width,
    height,
    fill=False,
    edgecolor="white",
    linestyle="--",
    linewidth=0.8,
  )
