"""How the report's figures look: sizes, fonts, and one colour for a method in all of them."""

from __future__ import annotations

import io
import textwrap
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deeplab_panns.evidence.slice_pictures import organ_colours

# Okabe and Ito's colours, which the colour-blind tell apart, without yellow (too light for lines).
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


def figure(width, height):
  """A Figure in inches; of no window and no global state, so that figures can be drawn anywhere."""
  with matplotlib.rc_context(_STYLE):
    drawn = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawn)
  return drawn


def subplots(drawn, rows, columns, **options):
  """An array [rows, columns] of axes in the report's style."""
  with matplotlib.rc_context(_STYLE):
    return drawn.subplots(rows, columns, squeeze=False, **options)


def png(drawn):
  """The figure as the bytes of a PNG file."""
  content = io.BytesIO()
  with matplotlib.rc_context(_STYLE):
    drawn.savefig(content, format="png", dpi=DPI, facecolor="white")
  return content.getvalue()


def wrapped(name, letters=40):
  """A method's name, which may hold several settings, on lines of so many letters."""
  return "\n".join(textwrap.wrap(name, letters))


def method_colours(names):
  """{method: colour}, by its place."""
  return {name: _METHOD_COLOURS[place % len(_METHOD_COLOURS)] for place, name in enumerate(names)}


def organ_rgb(count):
  """float [count, 3] in [0, 1]: the colours of the pictures of slices."""
  return organ_colours(count)[1:].astype(np.float64) / 255
