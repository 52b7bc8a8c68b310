"""The look of all plots: sizes, fonts, and one colour for each method and each organ."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any

import matplotlib
import matplotlib.ticker
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deeplab_panns.evidence.slice_pictures import organ_colours

# The colours of Okabe and Ito, which the colour-blind can tell apart, without yellow (too light for lines).
_METHOD_COLOURS = ("#777777", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
_STYLE: Any = {
  "font.size": 9,
  "axes.titlesize": 10,
  "axes.labelsize": 9,
  "legend.fontsize": 9,
  "axes.spines.top": False,
  "axes.spines.right": False,
  "axes.grid": False,
  "lines.linewidth": 1.4,
}
DPI = 110
matplotlib.rcParams["text.parse_math"] = (
  False  # a $ in an organ's name is no formula, which could be a wrong one
)


def figure(width: float, height: float) -> Figure:
  """An empty figure, its size in inches. It needs neither a display nor pyplot's global state."""
  with matplotlib.rc_context(_STYLE):
    empty = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(empty)
  return empty


def subplots(within: Figure, rows: int, columns: int, **options: Any) -> npt.NDArray[np.object_]:
  """Axes in the common style, as an array [rows, columns]; options as of `Figure.subplots`."""
  with matplotlib.rc_context(_STYLE):
    axes: npt.NDArray[np.object_] = within.subplots(rows, columns, squeeze=False, **options)
  return axes


def plain_ticks(axis: Axis) -> None:
  """Plain numbers along a logarithmic axis, whose limits are set: powers of ten are else written as formulas,
  which are not parsed here."""
  low, high = axis.get_view_interval()
  # of a short axis powers of ten alone would leave one tick or none
  axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5) if high / low < 50 else (1,)))
  axis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
  axis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def png(finished: Figure) -> bytes:
  """The figure as the bytes of a PNG file."""
  content = io.BytesIO()
  with matplotlib.rc_context(_STYLE):
    finished.savefig(content, format="png", dpi=DPI, facecolor="white")
  return content.getvalue()


def box(
  axes: Axes, values: npt.ArrayLike, x: float, width: float, colour: str, opacity: float = 0.35
) -> None:
  """A box of quartiles and median at `x`; the whiskers end at the last value within 1.5 box lengths."""
  axes.boxplot(
    [values],
    positions=[x],
    widths=width,
    patch_artist=True,
    showfliers=False,
    manage_ticks=False,
    boxprops={"facecolor": colour, "alpha": opacity, "edgecolor": colour},
    medianprops={"color": colour, "linewidth": 2},
    whiskerprops={"color": colour},
    capprops={"color": colour},
  )


def sideways(count: int, width: float, share: float = 0.25) -> npt.NDArray[np.float64]:
  """Offsets along x, so that equal values do not hide each other: [count], within ± `share` of `width`.

  They are the same in every call.
  """
  return np.random.default_rng(0).uniform(-share, share, count) * width


def wrapped(name: str, letters: int = 40) -> str:
  """A method's name, which may list several settings, broken into lines of at most so many letters."""
  return "\n".join(textwrap.wrap(name, letters))


def method_colours(names: Iterable[str]) -> dict[str, str]:
  """The colour of each method, by its position in `names`; repeated after the eighth."""
  return {name: _METHOD_COLOURS[index % len(_METHOD_COLOURS)] for index, name in enumerate(names)}


def organ_rgb(count: int) -> npt.NDArray[np.float64]:
  """The organs' colours in pictures of slices, as RGB in [0, 1]: [count, 3]."""
  return organ_colours(count)[1:].astype(np.float64) / 255
