"""Pictures of CT slices in 8 bits, brought back to HU: by the window they were made with, or by landmarks.

A picture holds max(0, min(255, (HU − low) · 255 / (high − low))) of a window that nobody wrote down. Two
tissues of known HU are two equations for it: the muscles of the back, and fat. Where fat is black, one
equation is left, and the width is that of windows in use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Union

import numpy as np
from scipy import ndimage

from data.arrays import Floats, Mask
from data.input_error import InputError
from data.reading.volumes import Volume

BLACK, WHITE = 0.0, 255.0
AIR_HU, FAT_HU, MUSCLE_HU, SOFT_TISSUE_HU, BONE_HU = -1000.0, -100.0, 55.0, 70.0, 300.0
LANDMARKS = "landmarks"
Window = tuple[float, float]
How = Union[Window, str, None]
"""The window (low, high) in HU that pictures were made with; LANDMARKS; or None: pictures are not taken."""

_FEWEST_GREYS = 32  # a label map has fewer values, a picture of a patient more
_BODY_ABOVE = 8.0  # grey: above the noise of a black background, and what JPEG makes of it
_OPENING_MM = 8.0  # removes the table, closes black fat between muscles
_RING_MM = 10.0  # below the skin lies fat
_BACK = 0.25  # of a body's depth, in the middle half of its width: the muscles beside the spine
_CLIPPED = 4.0  # grey: JPEG leaves clipped pixels a little beside 0 and 255
_LEAST_FAT = 10.0  # grey: a mode below is not told from black
_FEWEST_PIXELS = 100
_LEAST_RING_SHARE = 0.3  # of the ring below the skin, within _MODE_WIDTH of the fat's mode
_MODE_WIDTH = 12.0
_MOST_BLACK = 0.1  # of the ring, where fat is not black
_EVENED = 3  # pixels along an axis: noise hides the peak of muscle ...
_NEARLY_ALL = 0.9  # ... and black fat between the fibres shifts it


class Landmarks(NamedTuple):
  """What was found in a picture.

  Attributes:
    fat, muscle, soft_tissue: grey values; None where there is none. Fat is None where it is black.
    bone: share of the body that is white.
  """

  fat: float | None
  muscle: float | None
  soft_tissue: float | None
  bone: float


def parse_how(text: str | None) -> How:
  """Reads the flag: LANDMARKS, LOW,HIGH in HU, or nothing.

  Raises:
    ValueError: With what is allowed.
  """
  if not text or text == LANDMARKS:
    return text or None
  try:
    low, high = map(float, text.split(","))
  except ValueError:
    raise ValueError(f"{text}: must be {LANDMARKS}, or a window in HU as LOW,HIGH (-160,240)") from None
  if not -2000 <= low < high <= 4000:
    raise ValueError(f"{text}: the window must rise, within -2000 to 4000 HU")
  return low, high


def is_grey_picture(volume: Volume) -> bool:
  """Whether a volume holds whole numbers from 0 to 255, and enough of them for no label map."""
  array = volume.array
  if array.min() < BLACK or array.max() > WHITE:
    return False
  values = np.unique(array)
  return bool(len(values) >= _FEWEST_GREYS and np.array_equal(values, np.rint(values)))


@dataclasses.dataclass(frozen=True)
class Matched:
  """How a picture became HU.

  Attributes:
    window_hu: what black and white stand for.
    landmarks: that the window was told by; None where it was given.
  """

  window_hu: Window
  landmarks: Landmarks | None = None

  def as_json(self) -> dict[str, Any]:
    found = {} if self.landmarks is None else self.landmarks._asdict()
    return {"window_hu": [round(hu, 1) for hu in self.window_hu], **found}


def to_hu(volume: Volume, how: Window | str) -> tuple[Volume, Matched]:
  """A picture in HU.

  What is white becomes bone. What is black becomes fat within the body, if the window begins above fat, and
  air outside.

  Args:
    volume: for which `is_grey_picture`; y grows to the back.
  Raises:
    InputError: If LANDMARKS is asked for and none is found.
  """
  bodies = [_body(plane, volume.spacing_mm[1]) for plane in volume.array]
  notes = volume.notes
  if isinstance(how, str):
    landmarks = find_landmarks(volume.array, bodies, volume.spacing_mm[1])
    matched = Matched(window_of(landmarks, volume.path), landmarks)
    if landmarks.muscle is None:
      notes = (
        *notes,
        "8-bit picture without a peak of muscle: matched by all of its soft tissue, which may be 30 HU off",
      )
  else:
    matched = Matched(how)
  low, high = matched.window_hu
  hu = low + volume.array * ((high - low) / WHITE)
  black, white = volume.array < _CLIPPED, volume.array > WHITE - _CLIPPED
  hu[black] = AIR_HU
  if low > FAT_HU:
    hu[black & np.stack(bodies)] = FAT_HU
  hu[white] = max(high, BONE_HU)
  return dataclasses.replace(volume, array=hu.astype(np.float32), notes=notes), matched


def summary_line(pictures: Sequence[Mapping[str, Any]]) -> str:
  """What was found in several pictures, in one line, from `Matched.as_json` of each."""
  counts = [sum(picture.get(name) is not None for picture in pictures) for name in ("muscle", "fat", "bone")]
  low, high = np.median([picture["window_hu"] for picture in pictures], axis=0)
  line = f"{len(pictures)} pictures of 8 bits brought to HU"
  if not counts[2]:
    return f"{line} from the window {low:g} to {high:g} HU, as given"
  return (
    f"{line} by landmarks: muscle found in {counts[0]}, fat in {counts[1]} (black in the others, whose width "
    f"is that of usual windows); median window {low:.0f} to {high:.0f} HU"
  )


def find_landmarks(picture: Floats, bodies: list[Mask], pixel_mm: float) -> Landmarks:
  """The landmarks of a picture.

  Args:
    picture: [slices, y, x] in [0, 255], y to the back.
    bodies: the body in every slice.
  """
  raw, even = list(zip(picture, bodies)), list(zip(*_evened(picture), bodies))
  muscle = _mode(_joined(plane[known & _back(body, pixel_mm)] for plane, known, body in even))
  tissue = _mode(_joined(plane[known & body] for plane, known, body in even))
  ring = _joined(plane[body & ~_shrunk(body, _RING_MM, pixel_mm)] for plane, body in raw)
  fat = _fat(ring, muscle if muscle is not None else tissue)
  inside = _joined(plane[body] for plane, body in raw)
  bone = float(np.mean(inside > WHITE - _CLIPPED)) if inside.size else 0.0
  return Landmarks(fat, muscle, tissue, bone)


def window_of(landmarks: Landmarks, path: str) -> Window:
  """The window (low, high) in HU that the landmarks speak for. Raises InputError if there is none."""
  grey, hu = landmarks.muscle, MUSCLE_HU
  if grey is None:
    grey, hu = landmarks.soft_tissue, SOFT_TISSUE_HU
  if grey is None:
    raise InputError(
      f"{path}: no muscle and no other soft tissue is found in the picture, so its window cannot be told; "
      "give it by --grey_pictures=LOW,HIGH, or leave the case out."
    )
  if landmarks.fat is not None:
    hu_a_grey = (hu - FAT_HU) / (grey - landmarks.fat)
  else:
    hu_a_grey = _usual_slope(grey)
  return hu - hu_a_grey * grey, hu + hu_a_grey * (WHITE - grey)


def _usual_slope(muscle: float) -> float:
  """HU a grey value where fat is black, from the muscle's grey value alone.

  Windows in use that begin above fat, as (low, high, muscle's grey, HU a grey value): (-45, 105, 170, 0.59),
  (-40, 160, 121, 0.78), (-17, 201, 84, 0.85), (0, 200, 70, 0.78), (0, 255, 55, 1.0), (0, 300, 47, 1.18). The
  line is within 20 % of each.
  """
  return max(0.3, 1.15 - 0.0033 * muscle)


def _evened(picture: Floats) -> tuple[Floats, Mask]:
  """The mean of the pixels around each that are neither black nor white, and where nearly all are such."""
  between = (picture >= _CLIPPED) & (picture <= WHITE - _CLIPPED)
  size = (0, _EVENED, _EVENED)
  share = ndimage.uniform_filter(between.astype(np.float32), size)
  mean = ndimage.uniform_filter(np.where(between, picture, 0).astype(np.float32), size)
  return mean / np.maximum(share, 1e-6), share > _NEARLY_ALL


def _joined(parts: Iterable[Floats]) -> Floats:
  return np.concatenate([np.zeros(0, np.float32), *parts])


def _mode(greys: Floats) -> float | None:
  """The highest peak among the grey values that are neither black nor white; None if there is none."""
  counts, _ = np.histogram(greys, np.arange(0.0, WHITE + 2))
  smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), 4, mode="nearest")
  peaks = 1 + np.nonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:]))[0]
  peaks = peaks[(peaks >= _LEAST_FAT) & (peaks <= WHITE - _LEAST_FAT)]
  if not len(peaks) or counts[int(_LEAST_FAT) :].sum() < _FEWEST_PIXELS:
    return None
  return float(peaks[np.argmax(smooth[peaks])]) + 0.5


def _fat(ring: Floats, tissue: float | None) -> float | None:
  """The mode below the skin, if it is well below muscle and much of the ring has it."""
  if tissue is None or np.mean(ring < _CLIPPED) > _MOST_BLACK:
    return None
  mode = _mode(ring[ring < tissue - _MODE_WIDTH])
  if mode is None or np.mean(np.abs(ring - mode) < _MODE_WIDTH) < _LEAST_RING_SHARE:
    return None
  return mode


def _body(plane: Floats, pixel_mm: float) -> Mask:
  """The largest region that is not black, its holes filled."""
  steps = max(1, round(_OPENING_MM / pixel_mm))
  mask = ndimage.binary_closing(np.pad(plane > _BODY_ABOVE, steps), iterations=steps)
  mask = ndimage.binary_opening(mask, iterations=steps)[steps:-steps, steps:-steps]
  regions, count = ndimage.label(mask)
  if not count:
    return np.zeros(plane.shape, bool)
  largest: Mask = ndimage.binary_fill_holes(regions == 1 + np.argmax(np.bincount(regions.ravel())[1:]))
  return largest


def _shrunk(body: Mask, mm: float, pixel_mm: float) -> Mask:
  shrunk: Mask = ndimage.binary_erosion(body, iterations=max(1, round(mm / pixel_mm)))
  return shrunk


def _back(body: Mask, pixel_mm: float) -> Mask:
  """The part of the body where the muscles beside the spine lie."""
  back = np.zeros_like(body)
  rows, columns = np.nonzero(body.any(axis=1))[0], np.nonzero(body.any(axis=0))[0]
  if len(rows):
    depth, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    across = slice(columns[0] + width // 4, columns[-1] + 1 - width // 4)
    back[rows[-1] + 1 - int(_BACK * depth) : rows[-1] + 1, across] = True
  return back & _shrunk(body, _RING_MM / 2, pixel_mm)
