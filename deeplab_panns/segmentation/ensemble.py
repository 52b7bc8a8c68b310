"""Several networks as one: the mean of their probabilities, across folds, views, and 2-D and 3-D networks."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import tempfile

import numpy as np
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.segmentation.slabs import SLAB, SlabSegmenter

_ROWS = 8 * SLAB  # of a block, added at a time


class MeanNetwork(tf.Module):
  """Networks of one grid as one: the logarithm of their mean probability, of which softmax gives back the
  mean.

  Blending windows and resampling are linear, so the mean may as well be taken where the networks end: their
  windows are cut, blended and resampled once, and nothing of the size of the volume is kept for any of them.
  """

  def __init__(self, networks):
    super().__init__()
    self.networks = list(networks)

  def __call__(self, inputs, training=False):
    total = 0.0
    for network in self.networks:
      # the next one waits for the sum, or TensorFlow would hold the activations of all at once
      with tf.control_dependencies([total] if tf.is_tensor(total) else []):
        inputs = tf.identity(inputs)
      total += tf.nn.softmax(tf.cast(network(inputs, training=training), tf.float32))
    return tf.math.log(total / len(self.networks))


class Ensemble:
  """Segmenters as one, with a SlabSegmenter's three methods; runs in Python and cannot be exported.

  Members of equal grids become one segmenter of a MeanNetwork. What is left differs in view, spacing or
  dimension, and so in the axis and the places of its slabs: then each group adds its slabs, one group after
  the other, to a sum on disk (see ProbabilitySum). In step they would need no disk, but a coronal group has
  the first axial slice only after its last slab.
  """

  def __init__(self, segmenters: list[SlabSegmenter], scratch_dir=None):
    """
    Args:
      segmenters: at least one; all of one class count.
      scratch_dir: where the sums go while a volume is in work; default: the system's (TMPDIR). They take 2
        bytes a voxel and class.
    """
    counts = {segmenter.class_count for segmenter in segmenters}
    if len(counts) != 1:
      raise ValueError(
        f"received segmenters of {sorted(counts)} classes; all must have the same, and one must be there"
      )
    self.class_count = counts.pop()
    groups: dict[object, list[SlabSegmenter]] = {}
    for segmenter in segmenters:
      groups.setdefault(segmenter.grid, []).append(segmenter)
    self._groups = [_as_one(members) for members in groups.values()]
    self._shares = [len(members) / len(segmenters) for members in groups.values()]
    self._scratch_dir = scratch_dir
    self._streams: dict[tf.DType, list] = {}

  def labels(self, volume, spacing_mm):
    """{"labels": uint8 [z, y, x]} of a volume in HU, as SlabSegmenter.labels. Raises InputError if the disk
    is full."""
    if len(self._groups) == 1:
      return self._groups[0].labels(volume, spacing_mm)
    with self._summed(volume, spacing_mm, tf.float32) as total:
      return {"labels": tf.constant(total.labels())}

  def probabilities(self, volume, spacing_mm):
    """{"probabilities": float16 [z, y, x, K + 1]}; mind the size. Raises InputError if the disk is full."""
    if len(self._groups) == 1:
      return self._groups[0].probabilities(volume, spacing_mm)
    with self._summed(volume, spacing_mm, tf.float32) as total:
      return {"probabilities": tf.constant(total.probabilities())}

  def stored_labels(self, image, spacing_mm):
    """uint8 [z, y, x] of an image of the store. Raises InputError if the disk is full."""
    if len(self._groups) == 1:
      return self._groups[0].stored_labels(image, spacing_mm)
    with self._summed(image, spacing_mm, tf.uint8) as total:
      return tf.constant(total.labels())

  @contextlib.contextmanager
  def _summed(self, volume, spacing_mm, dtype):
    """The ProbabilitySum of all groups, gone from the disk at the end."""
    if dtype not in self._streams:  # traced once; each sink hands on to the sum of the volume in work
      self._streams[dtype] = [
        group.streaming(self._sink(group.axis, share), dtype)
        for group, share in zip(self._groups, self._shares)
      ]
    with tempfile.TemporaryFile(dir=self._scratch_dir, prefix="panns-") as file:
      self._sum = ProbabilitySum(
        file, tuple(volume.shape), self.class_count, self._scratch_dir or tempfile.gettempdir()
      )
      for stream in self._streams[dtype]:
        stream(volume, spacing_mm)
      yield self._sum

  def _sink(self, axis, share):
    return lambda number, row, block: self._sum.add(axis, (number, row), block, share)


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


def _as_one(members):
  if len(members) == 1:
    return members[0]
  return members[0].with_network(MeanNetwork(member.network for member in members))
