"""Several networks as one: the mean of their probabilities, across folds, views, and 2-D and 3-D networks."""

from __future__ import annotations

import contextlib
import tempfile

import tensorflow as tf

from deeplab_panns.segmentation.probability_sum import ProbabilitySum
from deeplab_panns.segmentation.slabs import SlabSegmenter


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


def _as_one(members):
  if len(members) == 1:
    return members[0]
  return members[0].with_network(MeanNetwork(member.network for member in members))
