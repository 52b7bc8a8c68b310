"""A picture of a segmented scan: three planes with the organs in colour, the organs from the front."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from data.arrays import Floats, Labels, Picture
from data.formats.grid import spacing_of
from data.whole_file import AnyPath, whole
from deeplab_panns.outputs.organ_looks import OrganLook
from deeplab_panns.outputs.segmented_case import SegmentedCase
from deeplab_panns.outputs.statistics import OrganStatistics

WINDOW_HU = (-160.0, 240.0)
_PANEL = 380  # pixels of the longest side
_MARGIN, _LEGEND, _LINE = 16, 300, 22
_BACKGROUND, _TEXT, _FAINT = (18, 20, 24), (225, 228, 232), (120, 126, 134)
_COARSE = 96  # voxels along an axis that are looked at to choose planes
_OPACITY = 0.45
_SMOOTH_MM = 3.0  # of the front view's surface


@dataclasses.dataclass(frozen=True)
class Panel:
  """One view: its picture, what it is, and the patient's sides on its left, right, top and bottom."""

  picture: Picture
  title: str
  sides: str


def write_preview(path: AnyPath, case: SegmentedCase, measured: Mapping[str, OrganStatistics]) -> None:
  """Writes a PNG of some 1100 x 900 pixels; lengths are true in all four views."""
  with whole(path) as unfinished:
    Image.fromarray(draw(case, measured)).save(unfinished, format="PNG", optimize=True)


def draw(case: SegmentedCase, measured: Mapping[str, OrganStatistics]) -> Picture:
  """The picture, uint8 [height, width, 3]."""
  spacing = spacing_of(case.volume.affine)
  scale = _PANEL / max(size * step for size, step in zip(case.labels.shape, spacing))
  panels = _planes(case, spacing, scale) + [_front_view(case, spacing, scale)]
  widths = [max(panels[i].picture.shape[1] for i in column) for column in ((0, 2), (1, 3))]
  heights = [max(panels[i].picture.shape[0] for i in row) for row in ((0, 1), (2, 3))]
  rows = _LINE + 2 * _MARGIN + _LINE * (len(case.organs) + 1)
  canvas = Image.new(
    "RGB",
    (
      sum(widths) + 3 * _MARGIN + _LEGEND,
      max(sum(heights) + 2 * _LINE + 3 * _MARGIN, rows),
    ),
    _BACKGROUND,
  )
  for number, panel in enumerate(panels):
    left = _MARGIN + (number % 2) * (widths[0] + _MARGIN)
    top = _MARGIN + _LINE + (number // 2) * (heights[0] + _LINE + _MARGIN)
    _put(canvas, panel, left, top)
  _legend(canvas, case, measured, sum(widths) + 3 * _MARGIN)
  return np.asarray(canvas)


def _planes(case: SegmentedCase, spacing: tuple[float, float, float], scale: float) -> list[Panel]:
  panels = []
  titles = (("axial", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI"))
  for axis, ((title, sides), index) in enumerate(zip(titles, _richest(case.labels, len(case.organs)))):
    hu, labels = (np.take(array, index, axis) for array in (case.volume.array, case.labels))
    if axis:  # the head is at the top
      hu, labels = hu[::-1], labels[::-1]
    size = _size(labels.shape, [step for side, step in enumerate(spacing) if side != axis], scale)
    panels.append(Panel(_overlaid(hu, labels, size, case.looks), f"{title} {index + 1}", sides))
  return panels


def _richest(labels: Labels, organs: int) -> tuple[int, int, int]:
  """The slice along each axis that shows the most organs, and of these the most of them."""
  steps = [max(1, size // _COARSE) for size in labels.shape]
  coarse = labels[tuple(slice(None, None, step) for step in steps)]
  chosen = []
  for axis, step in enumerate(steps):
    slices = np.moveaxis(coarse, axis, 0).reshape(coarse.shape[axis], -1)
    counts = np.stack([np.bincount(one, minlength=organs + 1)[1 : organs + 1] for one in slices])
    worth = np.count_nonzero(counts, axis=1) + counts.sum(axis=1) / slices.shape[1]
    best = int(np.argmax(worth)) if worth.any() else len(worth) // 2
    chosen.append(min(best * step, labels.shape[axis] - 1))
  return chosen[0], chosen[1], chosen[2]


def _size(shape: tuple[int, ...], spacing: list[float], scale: float) -> tuple[int, int]:
  """(width, height) in pixels."""
  height, width = (max(1, round(size * step * scale)) for size, step in zip(shape, spacing))
  return width, height


def _overlaid(hu: Floats, labels: Labels, size: tuple[int, int], looks: tuple[OrganLook, ...]) -> Picture:
  low, high = WINDOW_HU
  grey = np.clip((hu - low) / (high - low) * 255, 0, 255).astype(np.uint8)
  grey = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize(size, Image.Resampling.BILINEAR))
  shown = _nearest(labels, size)
  colors = _colors(looks)[shown]
  opacity = np.where(_outline(shown), 1.0, _OPACITY) * (shown > 0)
  return (grey[..., None] * (1 - opacity[..., None]) + colors * opacity[..., None]).astype(np.uint8)


def _nearest(values: Labels, size: tuple[int, int]) -> Labels:
  """[rows, columns] at another size, without new values."""
  rows, columns = (
    np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(int)
    for new, old in zip(size[::-1], values.shape)
  )
  return values[np.ix_(rows, columns)]


def _outline(shown: Labels) -> npt.NDArray[np.bool_]:
  """Pixels whose right or lower neighbour is of another class."""
  edge = np.zeros(shown.shape, bool)
  edge[:-1] |= shown[:-1] != shown[1:]
  edge[:, :-1] |= shown[:, :-1] != shown[:, 1:]
  return edge


def _colors(looks: tuple[OrganLook, ...]) -> Floats:
  """float32 [256, 3]: of every label; of what is no organ, the background's."""
  table = np.tile(np.array(_BACKGROUND, np.float32), (256, 1))
  for value, look in enumerate(looks, 1):
    table[value] = look.rgb
  return table


def _front_view(case: SegmentedCase, spacing: tuple[float, float, float], scale: float) -> Panel:
  """The organs seen from the patient's front, nearer surfaces before farther ones, lit from there."""
  depth, _, columns = case.labels.shape
  first, seen = np.zeros((depth, columns), np.float32), np.zeros((depth, columns), np.uint8)
  for z, plane in enumerate(case.labels):
    if plane.any():
      first[z] = np.argmax(plane > 0, axis=0)
      seen[z] = plane[first[z].astype(int), np.arange(columns)]
  first, seen = first[::-1] * spacing[1], seen[::-1]
  size = _size(seen.shape, [spacing[0], spacing[2]], scale)
  surface = _smooth(first, seen > 0, [_SMOOTH_MM / spacing[0], _SMOOTH_MM / spacing[2]])
  surface = np.asarray(Image.fromarray(surface).resize(size, Image.Resampling.BILINEAR))
  shown = _nearest(seen, size)
  slopes = np.gradient(surface, 1 / scale) if min(surface.shape) > 1 else [np.zeros_like(surface)] * 2
  facing = 1 / np.sqrt(1 + slopes[0] ** 2 + slopes[1] ** 2)  # the cosine to the view
  light = np.where(shown > 0, 0.35 + 0.75 * facing, 1.0)
  return Panel(
    np.clip(_colors(case.looks)[shown] * light[..., None], 0, 255).astype(np.uint8), "front", "RLSI"
  )


def _smooth(surface: Floats, there: npt.NDArray[np.bool_], sigma: list[float]) -> Floats:
  """Without the steps of voxels; where there is nothing, what is nearest goes on."""
  weight = ndimage.gaussian_filter(there.astype(np.float32), sigma)
  smoothed = ndimage.gaussian_filter(np.where(there, surface, 0).astype(np.float32), sigma)
  return np.divide(smoothed, weight, out=np.zeros_like(smoothed), where=weight > 1e-3)


def _put(canvas: Image.Image, panel: Panel, left: int, top: int) -> None:
  canvas.paste(Image.fromarray(panel.picture), (left, top))
  brush = ImageDraw.Draw(canvas)
  height, width = panel.picture.shape[:2]
  brush.text((left, top - _LINE), panel.title, fill=_TEXT, font=_font(14))
  places = [
    ((left + 5, top + height // 2), "lm"),
    ((left + width - 5, top + height // 2), "rm"),
    ((left + width // 2, top + 4), "ma"),
    ((left + width // 2, top + height - 4), "md"),
  ]
  shown = 4 if height > 4 * _LINE else 2  # in a flat picture there is no room above and below
  for (at, anchor), side in list(zip(places, panel.sides))[:shown]:
    brush.text(at, side, fill=_TEXT, font=_font(13), anchor=anchor, stroke_width=2, stroke_fill=_BACKGROUND)


def _legend(
  canvas: Image.Image, case: SegmentedCase, measured: Mapping[str, OrganStatistics], left: int
) -> None:
  brush, font = ImageDraw.Draw(canvas), _font(14)
  name = case.name if len(case.name) <= 32 else f"{case.name[:32]}..."
  brush.text((left, _MARGIN), name, fill=_TEXT, font=_font(15))
  cut = False
  for number, look in enumerate(case.looks):
    one, top = measured[look.name], 2 * _MARGIN + _LINE * (number + 1)
    brush.rectangle(
      (left, top + 2, left + 13, top + 15), fill=look.rgb if one.voxels else None, outline=look.rgb
    )
    label = look.name if len(look.name) <= 24 else f"{look.name[:24]}..."
    brush.text((left + 22, top), label, fill=_TEXT if one.voxels else _FAINT, font=font)
    volume = f"{one.volume_ml:,.{1 if one.volume_ml < 100 else 0}f} mL" if one.voxels else "not found"
    volume += " *" if one.touches_edge else ""
    cut |= one.touches_edge
    brush.text(
      (left + _LEGEND - _MARGIN, top), volume, fill=_TEXT if one.voxels else _FAINT, font=font, anchor="ra"
    )
  if cut:
    top = 2 * _MARGIN + _LINE * (len(case.organs) + 1)
    brush.text((left, top), "* at the scan's edge", fill=_FAINT, font=_font(13))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
  return ImageFont.load_default(size)
