"""Probabilities of a whole scan as bytes, on disk while they are needed: K maps of its size fit no memory."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Floats, Labels
from data.input_error import InputError

_SLICES = 8  # at a time; bounds the copies


def require_probabilities(segmenter: Any) -> None:
  """Raises InputError if a segmenter gives labels alone."""
  if not getattr(segmenter, "gives_probabilities", hasattr(segmenter, "probabilities")):
    raise InputError(
      "--output_probabilities: this kind of model gives labels alone; name a run (--run_dir) or several."
    )


@contextlib.contextmanager
def quantised_probabilities(
  segmenter: Any, volume: Any, spacing_mm: Sequence[float], organs: int
) -> Iterator[Iterator[Labels]]:
  """Gives the organs' probabilities, one organ after the other: uint8 [z, y, x], 255 times them, rounded.

  Args:
    segmenter: hands them on block by block if it has a method `each_block`, else by `probabilities`.
    volume: [z, y, x] in HU as the segmenter takes it.
    organs: how many.
  Raises:
    InputError: If the disk of temporary files is full.
  """
  shape = (organs, *map(int, volume.shape))
  with tempfile.TemporaryFile(prefix="panns-") as file:
    try:
      file.truncate(math.prod(shape))
      kept = np.memmap(file, np.uint8, "r+", shape=shape)
      if hasattr(segmenter, "each_block"):
        segmenter.each_block(volume, spacing_mm, _Keeper(kept))
      else:
        found = segmenter.probabilities(volume=volume, spacing_mm=spacing_mm)["probabilities"]
        for start in range(0, shape[1], _SLICES):
          kept[:, start : start + _SLICES] = as_bytes(np.asarray(found[start : start + _SLICES]))
        del found
    except OSError as error:
      raise InputError(
        f"{tempfile.gettempdir()}: the probabilities cannot be kept ({error.strerror or error}); make room, "
        "or name another folder by the variable TMPDIR."
      ) from None
    yield (np.asarray(organ) for organ in kept)


def as_bytes(block: npt.NDArray[Any]) -> Labels:
  """Probabilities [..., K + 1] as uint8 [K, ...], without the background's."""
  rounded = np.rint(block[..., 1:].astype(np.float32) * 255)
  return np.moveaxis(rounded, -1, 0).astype(np.uint8)


class _Keeper:
  """Puts blocks of a volume's slices into the file."""

  def __init__(self, kept: Labels) -> None:
    self._kept = kept

  def __call__(self, axis: int, start: int, row: int, block: Floats) -> None:
    """
    Args:
      axis: of the volume [z, y, x], along which the block's slices follow one another.
      start: the first of them.
      row: the block's first row, in the first of the other two axes.
      block: [slices, rows, columns, K + 1]; slices beyond the volume's last are left out.
    """
    slices = np.moveaxis(self._kept, 1 + axis, 1)
    count = min(len(block), slices.shape[1] - start)
    slices[:, start : start + count, row : row + block.shape[1]] = as_bytes(block[:count])
