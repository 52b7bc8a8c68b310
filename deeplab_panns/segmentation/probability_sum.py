"""A sum of the probabilities of a whole volume, on disk."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Labels
from data.input_error import InputError
from deeplab_panns.segmentation.slabs import SLAB

_ROWS = 8 * SLAB  # rows of a block that are added at a time

_Counts = npt.NDArray[np.uint16]


class ProbabilitySum:
  """A sum of probabilities of a whole volume, kept in a file, to which slabs along any axis are added.

  512 x 512 x 400 voxels of 14 classes are 2.9 GB at 16 bits: too many for memory beside the volume. The file
  consists of cubes of SLAB voxels, so that a slab is made of whole cubes whatever its axis. The file is read
  and written, not mapped: a slab of scattered cubes would load the pages around each of them, which is the
  whole file. Values are in fixed point, where an addition is off by at most 8e-6; 16-bit floats are off by
  2e-4 near 1.
  """

  _ONE = 65000.0  # stands for the probability 1; with what rounding may add, sums stay below 65535

  def __init__(
    self, file: IO[bytes], shape: tuple[int, ...], class_count: int, folder: str | os.PathLike[str]
  ) -> None:
    """
    Args:
      file: open for reading and writing, and empty; its space on the disk is reserved here.
      shape: (z, y, x) of the volume.
      class_count: K + 1.
      folder: where the file is, for the error message.
    Raises:
      InputError: If the disk has not enough space.
    """
    self._file, self._shape = file, shape
    self._cubes = [-(-size // SLAB) for size in shape]
    self._cube = (SLAB, SLAB, SLAB, class_count)
    size = math.prod(self._cubes) * self._cube_bytes
    try:
      os.posix_fallocate(file.fileno(), 0, size)  # a full disk is found now and not after an hour
    except OSError as error:
      if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        raise
      raise InputError(
        f"{folder}: has no room for the {size / 1e9:.1f} GB that an ensemble of different views or networks "
        f"needs for a volume of {' x '.join(map(str, shape))} voxels; set TMPDIR to a folder that has."
      ) from error

  def add(self, axis: int, corner: tuple[int, int], block: Floats, share: float = 1.0) -> None:
    """Adds a block of probabilities, as SlabSegmenter.streaming hands it on, times `share`.

    Args:
      axis: of the volume, along which the slabs follow one another.
      corner: (index of the slab, first row of the block).
      block: float32 [SLAB, rows, columns, K + 1]; what lies beyond the volume is never read back.
      share: the weight of the block; the shares that are added at a voxel must not exceed 1 in sum.
    """
    for start in range(0, block.shape[1], _ROWS):  # some rows at a time, since every step below makes a copy
      rows = block[:, start : start + _ROWS]
      rows = np.pad(rows, [(0, 0), *((0, -size % SLAB) for size in rows.shape[1:3]), (0, 0)])
      cubes = _cubes(np.rint(np.moveaxis(rows, 0, axis) * np.float32(share * self._ONE)).astype(np.uint16))
      first = [(corner[1] + start) // SLAB, 0]
      first.insert(axis, corner[0])
      for z, y in np.ndindex(cubes.shape[:2]):
        self._add_run((first[0] + z, first[1] + y, first[2]), cubes[z, y])

  def labels(self) -> Labels:
    """The class with the largest sum, uint8 [z, y, x]; of equal sums the lower class."""
    labels: Labels = self._collect(lambda block: block.argmax(axis=-1).astype(np.uint8), (), np.uint8)
    return labels

  def probabilities(self) -> npt.NDArray[np.float16]:
    """The sum, float16 [z, y, x, K + 1]."""
    probabilities: npt.NDArray[np.float16] = self._collect(
      lambda block: (block / np.float32(self._ONE)).astype(np.float16), self._cube[-1:], np.float16
    )
    return probabilities

  def _collect(
    self,
    convert: Callable[[_Counts], npt.NDArray[Any]],
    channels: tuple[int, ...],
    dtype: type[np.generic],
  ) -> npt.NDArray[Any]:
    result = np.empty((*self._shape, *channels), dtype)
    for number in range(self._cubes[0]):
      cubes = (
        self._read((number, 0, 0), math.prod(self._cubes[1:]))
        .reshape(*self._cubes[1:], *self._cube)
        .transpose(2, 0, 3, 1, 4, 5)
      )
      rows, columns = self._cubes[1] * SLAB, self._cubes[2] * SLAB
      block = convert(cubes.reshape(SLAB, rows, columns, -1))[:, : self._shape[1], : self._shape[2]]
      part = result[number * SLAB : (number + 1) * SLAB]
      part[:] = block[: len(part)]
    return result

  @property
  def _cube_bytes(self) -> int:
    return 2 * math.prod(self._cube)

  def _offset(self, corner: tuple[int, int, int]) -> int:
    return int(np.ravel_multi_index(corner, self._cubes)) * self._cube_bytes

  def _read(self, corner: tuple[int, int, int], count: int) -> _Counts:
    """`count` consecutive cubes, of which the first is at `corner`, as a flat array."""
    content = os.pread(self._file.fileno(), count * self._cube_bytes, self._offset(corner))
    return np.frombuffer(content, np.uint16)

  def _add_run(self, corner: tuple[int, int, int], cubes: _Counts) -> None:
    os.pwrite(
      self._file.fileno(), (self._read(corner, len(cubes)) + cubes.ravel()).data, self._offset(corner)
    )


def _cubes(block: _Counts) -> _Counts:
  """[z, y, x, classes] of whole cubes as [cubes z, cubes y, cubes x, SLAB, SLAB, SLAB, classes]."""
  z, y, x, classes = block.shape
  return block.reshape(z // SLAB, SLAB, y // SLAB, SLAB, x // SLAB, SLAB, classes).transpose(
    0, 2, 4, 1, 3, 5, 6
  )
