"""Arrays in, label maps out: how Python programs apply a segmenter."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.eager import cancellation

from data.arrays import Labels
from data.signals import stops
from data.stored.store import StoredCase


class LabelsVolumes(Protocol):
  """Labels volumes in HU as `SlabSegmenter.labels` does: a SlabSegmenter, an Ensemble or a SavedSegmenter."""

  def labels(self, volume: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]: ...


class LabelsStoredImages(Protocol):
  """Labels images of the store as `SlabSegmenter.stored_labels` does: a SlabSegmenter or an Ensemble."""

  def stored_labels(self, image: tf.Tensor, spacing_mm: tf.Tensor) -> tf.Tensor: ...


def segment_array(
  segmenter: LabelsVolumes, volume_hu: npt.NDArray[Any], spacing_mm: Sequence[float]
) -> Labels:
  """Labels a CT volume on its own grid.

  Args:
    segmenter: of a run, of several runs, or of a SavedModel.
    volume_hu: [z, y, x] CT numbers in HU, finite integers or floats; x grows to the patient's left, y to
      posterior, z to superior (LPS).
    spacing_mm: (z, y, x), finite and above 0.
  Returns:
    uint8 [z, y, x]: 0 is background, 1 + i is the organ at index i of the organ list.
  Raises:
    ValueError: Beginning with "<name>=<value>: ", if the volume or the spacing is not as described.
  """
  volume_hu = np.asarray(volume_hu)
  _require_volume(volume_hu)
  _require_spacing(spacing_mm)
  volume = tf.constant(volume_hu.astype(np.float32, copy=False))
  spacing = tf.constant(spacing_mm, tf.float32)
  with ended_by_signals():
    return _as_numpy(segmenter.labels(volume=volume, spacing_mm=spacing)["labels"])


def segment_stored(segmenter: LabelsStoredImages, case: StoredCase) -> Labels:
  """Labels a case of the store on the store's grid: uint8 [z, y, x]."""
  image = tf.constant(np.asarray(case.image()))
  with ended_by_signals():
    return _as_numpy(segmenter.stored_labels(image, tf.constant(case.spacing_mm, tf.float32)))


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
  """A block whose TensorFlow functions end at Ctrl-C and SIGTERM, with the slab or window that they are at.

  Raises:
    Terminated or KeyboardInterrupt: As the signal asks; also in a thread, within `stops.watched`.
  """
  manager = cancellation.CancellationManager()  # graphs look at it at each turn of a loop
  with stops.stopped_by(manager.start_cancel), cancellation.CancellationManagerContext(manager):
    yield


def _as_numpy(labels: tf.Tensor | Labels) -> Labels:
  """Mended labels are an array already."""
  return np.asarray(labels)


def _require_volume(volume_hu: npt.NDArray[Any]) -> None:
  if volume_hu.ndim != 3 or not volume_hu.size:
    raise ValueError(f"volume_hu.shape={volume_hu.shape}: must be (z, y, x), each at least 1")
  if volume_hu.dtype.kind not in "iuf":
    raise ValueError(f"volume_hu.dtype={volume_hu.dtype}: must be integers or floats, in HU")
  for extreme in (volume_hu.min(), volume_hu.max()):  # either is NaN if any voxel is
    if not np.isfinite(extreme):
      raise ValueError(f"volume_hu={extreme}: every voxel must be finite; air is about -1000 HU")


def _require_spacing(spacing_mm: Sequence[float]) -> None:
  if len(spacing_mm) != 3 or not all(0 < value < np.inf for value in spacing_mm):
    raise ValueError(f"spacing_mm={tuple(spacing_mm)}: must be three numbers (z, y, x) above 0, in mm")
