"""A scan known again by its own voxels, though it was cropped, padded, shifted, clipped or mirrored.

Public data sets hold each other's scans so. Compared are patches of 4 x 8 voxels of an axial slice, by hashes
that an offset and mirrored axes do not change; a crop has a part of the scan's own. A scan keeps its smallest
hashes: a random sample, and the same one of the patches that two scans share. This is the bottom-k sketch of
Broder, "On the resemblance and containment of documents" (1997).
"""

from __future__ import annotations

import base64
import collections
import itertools
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

# A row of 8 voxels is not enough: with a soft kernel, or interpolated to smaller voxels, two scans of any
# patients have the same rows.
ROWS, COLUMNS = 4, 8
LEAST_VALUES = 16  # of the 32 in a patch; air, padding, what is saturated, and noiseless phantoms have fewer
KEPT, LEAST_KEPT = 256, 16
SHARED = 8
_ONE_IN = 128  # patches that are hashed at all
_SLAB_VOXELS = 1 << 18  # what stays in a processor's cache
_HIGHEST_HU = (1 << 13) - 1  # sums and differences of four fit int16

Hashes = npt.NDArray[np.uint64]
Key = TypeVar("Key", bound=Hashable)


def sketch_voxels(image: npt.NDArray[Any]) -> str:
  """The sketch of a scan; beside the scan it takes the memory of a few planes.

  Args:
    image: [z, y, x], HU as they were read, before anything is resampled; rounded here, so that those of files
      which hold fractions are known too.
  Returns:
    Base64 of KEPT hashes at most; "" where fewer than LEAST_KEPT patches tell anything.
  """
  smallest: Hashes = np.empty(0, np.uint64)
  for planes in _slabs(image):
    patches = _chosen_patches(planes)
    hashes = _hashes(patches)
    if len(smallest) == KEPT:
      patches, hashes = patches[hashes < smallest[-1]], hashes[hashes < smallest[-1]]
    values = 1 + np.count_nonzero(np.diff(np.sort(patches, axis=1), axis=1), axis=1)
    smallest = np.union1d(smallest, hashes[values >= LEAST_VALUES])[:KEPT]
  return base64.b64encode(smallest.astype("<u8").tobytes()).decode() if len(smallest) >= LEAST_KEPT else ""


def read_sketch(text: str) -> list[int]:
  """The hashes of a sketch. Raises ValueError if it is none."""
  hashes: list[int] = np.frombuffer(base64.b64decode(text, validate=True), "<u8").tolist()
  return hashes


def overlapping(sketches: Mapping[Key, str]) -> list[tuple[Key, Key]]:
  """Pairs, in the mapping's order, of scans that hold a part of each other's voxels.

  At least SHARED hashes are in both sketches. A part that has the share s of a scan's patches has about
  KEPT * s of its hashes: 6 % is found in 99 of 100 cases, 3 % in every other one. Clipping to a window leaves
  the patches that lie in it. Other reconstructions, and scans that were resampled, have other voxels.
  """
  holders: dict[int, list[Key]] = collections.defaultdict(list)
  for key, text in sketches.items():
    for value in read_sketch(text):
      holders[value].append(key)
  shared = collections.Counter(pair for keys in holders.values() for pair in itertools.combinations(keys, 2))
  place = {key: number for number, key in enumerate(sketches)}
  found = [pair for pair, count in shared.items() if count >= SHARED]
  return sorted(found, key=lambda pair: (place[pair[0]], place[pair[1]]))


def _slabs(image: npt.NDArray[Any]) -> Iterator[npt.NDArray[np.int16]]:
  depth, height, width = image.shape
  if height < ROWS or width < COLUMNS:
    return
  step = max(1, _SLAB_VOXELS // (height * width))
  for start in range(0, depth, step):
    whole = np.clip(np.rint(image[start : start + step]), -_HIGHEST_HU, _HIGHEST_HU)
    yield np.ascontiguousarray(whole.astype(np.int16))


def _chosen_patches(planes: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
  """Patches [n, ROWS * COLUMNS]; whether one is chosen is decided by its middle, and not by where it lies.

  The test is alike for a patch and its mirror images: mirrored columns change the sign of both differences,
  and products of two have none. It takes most of the time, so it is in 16 bits, which wrap around.
  """
  middle = planes[:, 1:-2] + planes[:, 2:-1]
  inner = (middle[:, :, 4:-3] - middle[:, :, 3:-4]).view(np.uint16)
  outer = (middle[:, :, 5:-2] - middle[:, :, 2:-5]).view(np.uint16)
  # odd numbers without a pattern; the last, so that a flat patch is not chosen
  a, b, c, flat = map(np.uint16, (40503, 51749, 27191, 30011))
  test = inner * (inner * a + outer * b) + outer * outer * c + flat
  at = np.nonzero(test < (1 << 16) // _ONE_IN)
  windows = np.lib.stride_tricks.sliding_window_view(planes, (1, ROWS, COLUMNS))
  return windows[at].reshape(-1, ROWS * COLUMNS)


def _hashes(patches: npt.NDArray[np.int16]) -> Hashes:
  """One hash a patch, the smallest of its four mirror images."""
  sums = patches.astype(np.int64).view(np.uint64) @ _FACTORS
  hashes: Hashes = _mixed(sums).min(axis=1)
  return hashes


def _mixed(values: Hashes) -> Hashes:
  """The last steps of SplitMix64 (Steele, Lea, Flood 2014), in which every bit depends on every bit."""
  values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
  values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
  return values ^ (values >> np.uint64(31))


def _factors() -> Hashes:
  """[voxels of a patch, its mirror images]; they sum to 0, so that an offset changes no hash."""
  steps = np.arange(1, ROWS * COLUMNS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
  factors = _mixed(steps)
  factors[-1:] = -factors[:-1].sum(keepdims=True)
  square = factors.reshape(ROWS, COLUMNS)
  images = (square, square[:, ::-1], square[::-1], square[::-1, ::-1])
  return np.stack([image.ravel() for image in images], axis=1)


_FACTORS = _factors()
