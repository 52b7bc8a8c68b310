"""A sum of the probabilities of a whole volume, on disk."""

from __future__ import annotations

import errno
import math
import os

import numpy as np

from data.input_error import InputError
from deeplab_panns.segmentation.slabs import SLAB

_ROWS = 8 * SLAB  # of a block, added at a time


class ProbabilitySum:
  """A sum of probabilities of a whole volume, in a file, added to in slabs along any axis.

  512 x 512 x 400 voxels of 14 classes are 2.9 GB at 16 bits: too many for memory beside the volume. The file
  is made of cubes of SLAB voxels, so that a slab is whole cubes whatever its axis. It is read and written,
  not mapped: a slab of scattered cubes would bring in the pages around each, which is all of the file. Fixed
  point: an addition is off by at most 8e-6, where 16-bit floats would be off by 2e-4 near 1.
  """

  _ONE = 65000.0  # a probability of 1; what rounding may add stays below 65535

  def __init__(self, file, shape, class_count, folder):
    """
    Args:
      file: open for reading and writing, empty; its room is taken here.
      shape: (z, y, x).
      folder: where the file is, for the message.
    Raises:
      InputError: If there is no room.
    """
    self._file, self._shape = file, shape
    self._cubes = [-(-size // SLAB) for size in shape]
    self._cube = (SLAB, SLAB, SLAB, class_count)
    size = math.prod(self._cubes) * self._cube_bytes
    try:
      os.posix_fallocate(file.fileno(), 0, size)  # here, not after an hour
    except OSError as error:
      if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        raise
      raise InputError(
        f"{folder}: has no room for the {size / 1e9:.1f} GB that an ensemble of different views or networks "
        "needs "
        f"for a volume of {' x '.join(map(str, shape))}; set TMPDIR to a folder that has."
      ) from error

  def add(self, axis, corner, block, share=1.0):
    """Adds a block as SlabSegmenter.streaming hands it on, times `share`.

    Args:
      axis: the slabs'.
      corner: (number of the slab, first row).
      block: float32 [SLAB, rows, columns, K + 1]; what lies beyond the volume is never read back.
    """
    for start in range(0, block.shape[1], _ROWS):  # some rows at a time: every step below makes a copy
      rows = block[:, start : start + _ROWS]
      rows = np.pad(rows, [(0, 0), *((0, -size % SLAB) for size in rows.shape[1:3]), (0, 0)])
      cubes = _cubes(np.rint(np.moveaxis(rows, 0, axis) * np.float32(share * self._ONE)).astype(np.uint16))
      first = [(corner[1] + start) // SLAB, 0]
      first.insert(axis, corner[0])
      for z, y in np.ndindex(cubes.shape[:2]):
        self._add_run((first[0] + z, first[1] + y, first[2]), cubes[z, y])

  def labels(self):
    """The class of the largest sum, the lower one of two: uint8 [z, y, x]."""
    return self._collect(lambda block: block.argmax(axis=-1).astype(np.uint8), (), np.uint8)

  def probabilities(self):
    """float16 [z, y, x, K + 1]."""
    return self._collect(
      lambda block: (block / np.float32(self._ONE)).astype(np.float16), self._cube[-1:], np.float16
    )

  def _collect(self, convert, channels, dtype):
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
  def _cube_bytes(self):
    return 2 * math.prod(self._cube)

  def _offset(self, corner):
    return int(np.ravel_multi_index(corner, self._cubes)) * self._cube_bytes

  def _read(self, corner, count):
    """`count` cubes one after the other, of which the first is at `corner`, flat."""
    return np.frombuffer(
      os.pread(self._file.fileno(), count * self._cube_bytes, self._offset(corner)), np.uint16
    )

  def _add_run(self, corner, cubes):
    os.pwrite(self._file.fileno(), self._read(corner, len(cubes)) + cubes.ravel(), self._offset(corner))


def _cubes(block):
  """[z, y, x, classes] of whole cubes as [cubes z, cubes y, cubes x, SLAB, SLAB, SLAB, classes]."""
  z, y, x, classes = block.shape
  return block.reshape(z // SLAB, SLAB, y // SLAB, SLAB, x // SLAB, SLAB, classes).transpose(
    0, 2, 4, 1, 3, 5, 6
  )
