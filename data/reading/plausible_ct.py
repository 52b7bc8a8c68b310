"""Whether a volume can be a CT of a patient in HU: label maps, pictures, MR, lost intercepts are recognised.

Air is -1000 HU and soft tissue 0 to 100 HU in every CT, so a volume of other values was not rescaled, or is
something else; and a body is neither as small as a cat's nor a metre wide.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from data.arrays import Floats
from data.listed import listed
from data.reading.volumes import Volume

SAMPLED_VOXELS = 2_000_000
PATIENT_MM = 100.0  # so much of a patient, across and from front to back, holds fat, air or bowel gas
MOST_LABELS = 256
NARROWEST_SPAN_HU = 30.0  # of any CT; normalised pictures and attenuation have far less
NO_AIR_HU = -800.0  # above that of lung and bowel gas, but for their edges; half of HU never comes near
FAR_BELOW_AIR_HU = -1200.0
AIR_BELOW_HU = -500.0
WITHOUT_AIR, SHIFTED = 0.005, 0.1  # of a slice
FILLED = 0.05  # of the voxels at the sides of the slices
BODY_ABOVE_HU = -300
BODY_GRID_MM, BODY_STEPS = 4.0, 48
# Across the larger and the smaller in-plane extent of a body that lies whole in the picture. A small adult
# measures about 280 x 170 mm, a child of three 200 x 130 mm.
SMALL_BODY_MM, LARGE_BODY_MM = (240.0, 120.0), 700.0
EXPECTED = "in HU air is near -1000 and soft tissue 0 to 100"
WAY_OUT = "Give the CT in HU, or --assume_hu if these are HU"


@dataclasses.dataclass(frozen=True)
class Doubt:
  """One reason why a volume may be no CT in HU.

  Attributes:
    certain: no CT of a patient in HU looks so.
    line: for the user: the file, what was found, what is expected, and the way out.
  """

  certain: bool
  line: str


def doubts(volume: Volume) -> list[Doubt]:
  """What speaks against a volume being a CT of a patient in HU; [] if nothing does.

  Args:
    volume: as `read_image` gives it.
  """
  found = _doubt_of_values(volume)
  if found is not None and found.certain:
    return [found]  # a body cannot be measured where the values mean something else
  for doubt_of in (_doubt_of_slices, _doubt_of_air, _doubt_of_filling):  # one reason is enough
    found = found or doubt_of(volume)
  return [doubt for doubt in (found, _doubt_of_size(volume)) if doubt is not None]


def _doubt_of_values(volume: Volume) -> Doubt | None:
  array = volume.array
  # One slice at a time: the second pass finds it in the cache.
  low = float(min(plane.min() for plane in array))
  high = float(max(plane.max() for plane in array))
  certain, what = _kind(_sample(array), array, low, high, _extent_mm(volume))
  if not what:
    return None
  return Doubt(certain, f"{volume.path}: values run from {low:g} to {high:g}; {what}; {EXPECTED}. {WAY_OUT}.")


def _doubt_of_slices(volume: Volume) -> Doubt | None:
  """Slices of one value each lost theirs on the way: no scanner makes them."""
  middle = tuple(length // 2 for length in volume.array.shape[1:])
  blank = [
    z
    for z, plane in enumerate(volume.array)
    # the corner and the middle tell nearly all others apart
    if plane.size > 1 and plane[0, 0] == plane[middle] and plane.min() == plane.max()
  ]
  if not blank:
    return None
  return Doubt(
    False,
    f"{volume.path}: {len(blank)} of {len(volume.array)} slices, counted from the feet from 0 on, have one "
    f"value each ({listed(blank)}); was something lost there?",
  )


def _doubt_of_air(volume: Volume) -> Doubt | None:
  """Slices without air and with tissue of HU + 1024 among slices that have air: their intercept was lost."""
  planes = [plane[::3, ::3] for plane in volume.array]
  shares = np.array([np.mean(plane < AIR_BELOW_HU) for plane in planes])
  shifted = np.array([np.mean((plane > 850) & (plane < 1300)) > SHIFTED for plane in planes])
  without = np.flatnonzero((shares < WITHOUT_AIR) & shifted)
  if not 0 < len(without) < len(shares):
    return None
  others = float(np.mean(np.delete(shares, without)))
  return Doubt(
    False,
    f"{volume.path}: {len(without)} of {len(shares)} slices, counted from the feet from 0 on, have no air, "
    f"and the others {100 * others:.0f} % ({listed(without.tolist())}); was their rescale "
    "intercept lost?",
  )


def _doubt_of_filling(volume: Volume) -> Doubt | None:
  """Exactly 0 at the edge, beside air: what a program put there that resampled or turned the scan."""
  edges = [volume.array[:, row] for row in (0, -1)] + [volume.array[:, :, column] for column in (0, -1)]
  edge = np.concatenate([one.ravel() for one in edges])
  zeros, air = np.mean(edge == 0), np.mean(edge < AIR_BELOW_HU)
  if zeros < FILLED or air < FILLED:
    return None
  return Doubt(
    False,
    f"{volume.path}: {100 * zeros:.0f} % of the voxels at the sides are exactly 0 HU beside air: was it "
    "filled there when it was turned or resampled? Air is -1000.",
  )


def _kind(
  sample: Floats, array: npt.NDArray[Any], low: float, high: float, extent_mm: tuple[float, float]
) -> tuple[bool, str]:
  """(certain, what the values look like); the text is empty if they can be HU."""
  if low == high:
    return False, "all voxels are alike"
  share = _Shares(sample)
  if _is_label_map(sample, array, low, high):
    return True, "this looks like a label map (few whole numbers in regions), not like a CT"
  if high - low < NARROWEST_SPAN_HU:
    return True, "this looks like a normalised picture or like attenuation"
  if share.between(4000, np.inf) > 0.2:
    return True, "these are no HU (HU + 32768, or an MR?)"
  # Not the very lowest values: what lies outside the scan circle often has a value of its own.
  if share.between(850, 1300) > 0.1 and share.between(-1500, -200) < 0.005:
    return True, "this looks like HU + 1024 (the rescale intercept was lost)"
  if low >= 0 and min(extent_mm) >= PATIENT_MM:
    eight_bits = "a picture of 8 bits (prepare takes it by --grey_pictures)"
    kind = eight_bits if high <= 255 else "an MR, or a CT without its rescale"
    return True, f"no voxel is below 0: this looks like {kind}"
  if low > NO_AIR_HU:
    return False, f"no voxel is below {NO_AIR_HU:g}, so there is no air (cropped, clipped, or no HU?)"
  far_below = sample[sample < FAR_BELOW_AIR_HU]
  if len(far_below) > 0.1 * len(sample):
    _, counts = np.unique(far_below, return_counts=True)
    if counts.max() < 0.5 * len(far_below):  # what lies outside the scan circle has one value
      return False, f"a tenth of the voxels lie below {FAR_BELOW_AIR_HU:g} (HU times a factor?)"
  if share.between(-150, 300) < 0.001:
    return False, "hardly a voxel is soft tissue"
  return False, ""


class _Shares:
  """Shares of a sample's voxels within limits."""

  def __init__(self, sample: Floats) -> None:
    self._sample = sample

  def between(self, low: float, high: float) -> float:
    """Of low < value < high."""
    return float(np.mean((self._sample > low) & (self._sample < high)))


def _is_label_map(sample: Floats, array: npt.NDArray[Any], low: float, high: float) -> bool:
  """Few whole numbers from 0 up that lie in regions: neighbours are nearly always equal."""
  if low != 0 or high > 65535 or not np.array_equal(sample, np.rint(sample)):
    return False
  values = np.unique(sample)
  if len(values) > MOST_LABELS or (high == 255 and len(values) > 2):  # the latter is a picture of 8 bits
    return False
  rows = array[:: max(1, len(array) // 50)]
  return bool(rows.shape[2] > 1 and np.mean(rows[:, :, 1:] == rows[:, :, :-1]) > 0.9)


def _sample(array: npt.NDArray[Any]) -> Floats:
  """At most about SAMPLED_VOXELS voxels at even steps along every axis."""
  step = max(1, int(np.ceil((array.size / SAMPLED_VOXELS) ** (1 / 3))))
  return np.ascontiguousarray(array[::step, ::step, ::step]).ravel()


def _extent_mm(volume: Volume) -> tuple[float, float]:
  """Of the picture, from front to back and across."""
  _, y, x = np.multiply(volume.array.shape, volume.spacing_mm)
  return float(y), float(x)


def _doubt_of_size(volume: Volume) -> Doubt | None:
  body = _body(volume)
  if body is None:
    return None
  too_small = body.whole and (body.wide_mm < SMALL_BODY_MM[0] or body.narrow_mm < SMALL_BODY_MM[1])
  if not too_small and body.wide_mm <= LARGE_BODY_MM:
    return None
  pixel = " x ".join(f"{mm:.4g}" for mm in volume.spacing_mm[1:])
  return Doubt(
    False,
    f"{volume.path}: the body measures {body.wide_mm:.0f} x {body.narrow_mm:.0f} mm in a slice (pixels of "
    f"{pixel} mm); an adult's is {SMALL_BODY_MM[0]:.0f} to {LARGE_BODY_MM:.0f} mm wide. Unless this is a "
    "child, correct the spacing in the header.",
  )


@dataclasses.dataclass(frozen=True)
class _Body:
  """The largest region of tissue: its in-plane extents, and whether all its edges are in the picture."""

  narrow_mm: float
  wide_mm: float
  whole: bool


def _body(volume: Volume) -> _Body | None:
  # Where the header makes the body a doll's, its outline still takes so many steps.
  steps = [
    max(1, min(int(BODY_GRID_MM // mm), length // BODY_STEPS))
    for mm, length in zip(volume.spacing_mm, volume.array.shape)
  ]
  steps[0] = max(steps[0], len(volume.array) // 100)  # 100 slices are enough for its outline
  coarse = volume.array[:: steps[0], :: steps[1], :: steps[2]] > BODY_ABOVE_HU
  regions, count = ndimage.label(coarse)
  if not count:
    return None
  largest = int(np.argmax(np.bincount(regions.ravel())[1:]))
  in_plane = ndimage.find_objects(regions)[largest][1:]
  narrow_mm, wide_mm = sorted(
    (part.stop - part.start) * step * mm for part, step, mm in zip(in_plane, steps[1:], volume.spacing_mm[1:])
  )
  whole = all(part.start > 0 and part.stop < length for part, length in zip(in_plane, coarse.shape[1:]))
  return _Body(narrow_mm, wide_mm, whole)
