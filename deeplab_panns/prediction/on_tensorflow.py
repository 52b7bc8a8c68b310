"""Segmenters of TensorFlow for programs of NumPy: arrays in, arrays out, in as little memory as can be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data.arrays import Floats, ImageHU, Labels
from deeplab_panns.exports.saved_model import reason
from deeplab_panns.prediction.failures import SegmentationError
from deeplab_panns.segmentation.segment_arrays import LabelsVolumes, ended_by_signals
from deeplab_panns.segmentation.slabs import SLAB, SlabSegmenter

TakesBlocks = Callable[[int, int, int, Floats], None]
"""Receives (axis, first slice, first row, probabilities float32 [slices, rows, columns, K + 1])."""


class OnTensorFlow:
  """A segmenter as prediction wants it; its errors are MemoryError and SegmentationError."""

  def __init__(self, segmenter: LabelsVolumes) -> None:
    self._segmenter = segmenter
    self._take: TakesBlocks = _refuse  # of the present volume
    if isinstance(segmenter, SlabSegmenter):
      # Traced once for all volumes; an instance has `each_block` where blocks can be had.
      self._stream = segmenter.streaming(self._hand_on, tf.float32)
      self.each_block = self._each_block

  @property
  def gives_probabilities(self) -> bool:
    """Whether `probabilities` can be called."""
    return hasattr(self._segmenter, "probabilities")

  def hold(self, array: ImageHU) -> tuple[tf.Tensor, ImageHU]:
    """A tensor of the array, and the array again as a view of the tensor's memory, read-only.

    Whoever drops the array he came with holds the volume once, 400 MB less for 400 slices of 512 x 512:
    TensorFlow copies what it is given, and tf.constant even twice until the next operation ends.
    """
    tensor = tf.identity(array)
    return tensor, np.asarray(memoryview(tensor))

  def labels(self, volume: Any, spacing_mm: Sequence[float]) -> dict[str, Labels]:
    """{"labels": uint8 [z, y, x]} as SlabSegmenter.labels; `volume` as from `hold`, or any array."""
    with _plain_errors():
      found = self._segmenter.labels(volume=volume, spacing_mm=tf.constant(spacing_mm, tf.float32))
      return {"labels": np.asarray(memoryview(found["labels"]))}

  def probabilities(self, volume: Any, spacing_mm: Sequence[float]) -> dict[str, Floats]:
    """{"probabilities": float16 [z, y, x, K + 1]}."""
    with _plain_errors():
      call = self._segmenter.probabilities  # type: ignore[attr-defined]
      found = call(volume=volume, spacing_mm=tf.constant(spacing_mm, tf.float32))
      return {"probabilities": np.asarray(memoryview(found["probabilities"]))}

  def _each_block(self, volume: Any, spacing_mm: Sequence[float], take: TakesBlocks) -> None:
    """Hands the probabilities on, where `probabilities` returns all: take(axis, start, row, block)."""
    self._take = take
    with _plain_errors():
      self._stream(volume, tf.constant(spacing_mm, tf.float32))
    self._take = _refuse

  def _hand_on(self, number: int, row: int, block: Floats) -> None:
    self._take(self._segmenter.axis, number * SLAB, row, block)  # type: ignore[attr-defined]


def _refuse(*_: Any) -> None:
  raise RuntimeError("a block that belongs to no volume")


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
  try:
    with ended_by_signals():
      yield
  except tf.errors.ResourceExhaustedError:
    raise MemoryError from None
  except tf.errors.OpError as error:
    raise SegmentationError(reason(error)) from None
