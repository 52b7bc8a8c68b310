"""A label map whose header is not to be believed, placed by the scan itself.

Of the eight mirrorings of its voxels on the scan's the right one is the one in which organs of even density
are even soft tissue: a mask that lies beside its organ covers fat, gas and bone as well, or air alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, ImageHU, Integers
from data.input_error import InputError
from data.listed import listed

CLIP_HU = (-300.0, 400.0)  # so that a few voxels of gas or metal do not decide
SOFT_TISSUE_HU = (0.0, 250.0)  # air is even too: what is not soft tissue counts by its distance from it
MOST_SPREAD_HU = 80.0  # of an organ's voxels: noise of a thin slice and the fat between lobules, not more
CLEAR = 1.4  # so many times more must the next best placement spread
# Of an organ, else it decides nothing. In a whole scan a pancreas spread by 28 where it lay and by 51 in the
# next best mirroring; two slices of one, 2.5 ml, were more even somewhere else.
FEWEST_ML = 10.0


class Placement(NamedTuple):
  """What was found.

  Attributes:
    mirrored: the axes, of "xyz", along which the voxels were turned; "" for none.
    spread_hu: root mean square of the distance in HU from an organ's median, or from soft tissue where that
      is none; the mean of the organs.
    next_hu: the same for the next best placement.
  """

  mirrored: str
  spread_hu: float
  next_hu: float


def mirrored(array: npt.NDArray[Any], axes: str) -> npt.NDArray[Any]:
  """A view of [z, y, x] with the axes of `axes`, letters of "xyz", turned round."""
  return array[tuple(slice(None, None, -1 if axis in axes else None) for axis in "zyx")]


def placement_by_density(
  path: str, label: Integers, image: ImageHU, voxel_ml: float, even: Mapping[str, Collection[int]]
) -> Placement:
  """Finds how a label map's voxels lie on an image's.

  Args:
    path: for messages.
    label: [z, y, x] of the image's shape.
    image: HU, [z, y, x].
    voxel_ml: volume of a voxel.
    even: {organ of even density: its label values}.
  Raises:
    InputError: If none of the organs is there, or no placement is clearly the best.
  """
  spreads = {axes: 0.0 for count in range(4) for axes in map("".join, itertools.combinations("xyz", count))}
  judged = 0
  for values in even.values():
    at = np.nonzero(np.isin(label, list(values)))
    if len(at[0]) * voxel_ml < FEWEST_ML:
      continue
    judged += 1
    for axes in spreads:
      spreads[axes] += _spread(mirrored(image, axes)[at])
  if not judged:
    raise InputError(
      f"{path}: has less than {FEWEST_ML:g} ml of {listed(even, 6)}, too little to tell how it lies on the "
      "scan; leave the case out by --leave_out."
    )
  (best, first), (other, second) = sorted(
    ((axes, total / judged) for axes, total in spreads.items()), key=lambda pair: pair[1]
  )[:2]
  if first > MOST_SPREAD_HU or second <= CLEAR * first:
    raise InputError(
      f"{path}: does not clearly lie on the scan in any orientation: HU in {listed(even, 3)} spread by "
      f"{first:.0f} when mirrored along {best or 'nothing'}, by {second:.0f} along {other or 'nothing'}. "
      "Does it belong to another scan? Leave the case out by --leave_out."
    )
  return Placement(best, round(first, 1), round(second, 1))


def _spread(hu: Floats) -> float:
  clipped = np.clip(hu.astype(np.float64), *CLIP_HU)
  middle = np.clip(np.median(clipped), *SOFT_TISSUE_HU)
  return float(np.sqrt(np.mean((clipped - middle) ** 2)))
