"""Several networks as one: the mean of their probabilities, over folds, views, and 2-D and 3-D networks."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import tensorflow as tf

from data.arrays import Floats
from deeplab_panns.segmentation.probability_sum import ProbabilitySum
from deeplab_panns.segmentation.slabs import Sink, SlabSegmenter


class MeanNetwork(tf.Module):
  """Networks of one grid as one network, whose softmax is the mean of their probabilities.

  Blending windows and resampling are linear, so the mean may as well be taken where the networks end: the
  windows are cut, blended and resampled once, and no member needs a map of the volume's size.
  """

  def __init__(self, networks: Iterable[tf.keras.Model]) -> None:
    super().__init__()
    self.networks = list(networks)

  def __call__(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """The logarithm of the members' mean probability, float32, as logits."""
    total = 0.0
    for network in self.networks:
      # Each network waits for the sum of those before it. Otherwise TensorFlow would run all of them at once
      # and hold the activations of all.
      with tf.control_dependencies([total] if tf.is_tensor(total) else []):
        inputs = tf.identity(inputs)
      total += tf.nn.softmax(tf.cast(network(inputs, training=training), tf.float32))
    return tf.math.log(total / len(self.networks))


class Ensemble:
  """Segmenters as one, with the three methods of a SlabSegmenter; it runs in Python and cannot be exported.

  Members of equal grids become one segmenter of a MeanNetwork. The groups that are left differ in view,
  spacing or dimension, so that their slabs run along different axes or cut them at different positions. One
  group after the other adds its slabs to a sum on disk (see ProbabilitySum). No order of slabs would do
  without: a coronal group finishes the first axial slice only with its last slab.
  """

  def __init__(
    self, segmenters: Sequence[SlabSegmenter], scratch_dir: str | os.PathLike[str] | None = None
  ) -> None:
    """
    Args:
      segmenters: at least one; all with the same number of classes.
      scratch_dir: where the sum lies while a volume is segmented; None is the system's folder (TMPDIR). A sum
        takes 2 bytes for each voxel and class.
    Raises:
      ValueError: If there is no segmenter, or their numbers of classes differ.
    """
    counts = {segmenter.class_count for segmenter in segmenters}
    if len(counts) != 1:
      raise ValueError(
        f"class_count={sorted(counts)}: an ensemble needs at least one segmenter, and all must have the same "
        "number of classes"
      )
    self.class_count = counts.pop()
    groups: dict[Hashable, list[SlabSegmenter]] = {}
    for segmenter in segmenters:
      groups.setdefault(segmenter.grid, []).append(segmenter)
    self._groups = [_as_one(members) for members in groups.values()]
    self._shares = [len(members) / len(segmenters) for members in groups.values()]
    self._scratch_dir = scratch_dir
    self._streams: dict[tf.DType, list[Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]] = {}
    self._sum: ProbabilitySum  # of the volume that is being segmented

  def labels(self, volume: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]:
    """{"labels": uint8 [z, y, x]} of a volume in HU, as SlabSegmenter.labels.

    Raises:
      InputError: If the disk is full.
    """
    if len(self._groups) == 1:
      return self._groups[0].labels(volume, spacing_mm)
    with self._summed(volume, spacing_mm, tf.float32) as total:
      return {"labels": tf.constant(total.labels())}

  def probabilities(self, volume: tf.Tensor, spacing_mm: tf.Tensor) -> dict[str, tf.Tensor]:
    """{"probabilities": float16 [z, y, x, K + 1]} of a volume in HU; it may take several GB of memory.

    Raises:
      InputError: If the disk is full.
    """
    if len(self._groups) == 1:
      return self._groups[0].probabilities(volume, spacing_mm)
    with self._summed(volume, spacing_mm, tf.float32) as total:
      return {"probabilities": tf.constant(total.probabilities())}

  def stored_labels(self, image: tf.Tensor, spacing_mm: tf.Tensor) -> tf.Tensor:
    """uint8 [z, y, x] of an image of the store, as SlabSegmenter.stored_labels.

    Raises:
      InputError: If the disk is full.
    """
    if len(self._groups) == 1:
      return self._groups[0].stored_labels(image, spacing_mm)
    with self._summed(image, spacing_mm, tf.uint8) as total:
      return tf.constant(total.labels())

  @contextlib.contextmanager
  def _summed(self, volume: tf.Tensor, spacing_mm: tf.Tensor, dtype: tf.DType) -> Iterator[ProbabilitySum]:
    """The ProbabilitySum of all groups; its file is removed at the end."""
    if dtype not in self._streams:  # traced once for all volumes: each sink adds to the present volume's sum
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

  def _sink(self, axis: int, share: float) -> Sink:
    def add(number: int, row: int, block: Floats) -> None:
      self._sum.add(axis, (number, row), block, share)

    return add


def _as_one(members: list[SlabSegmenter]) -> SlabSegmenter:
  if len(members) == 1:
    return members[0]
  return members[0].with_network(MeanNetwork(member.network for member in members))
