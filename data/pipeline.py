"""Training batches: labelled and partial examples in fixed shares, a pure function of (seed, step)."""
from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from data import augment
from data.slices import SLICE_AXIS, Cropping, SliceSampler
from data.splits import Splits
from data.store import Store

_LABELED, _PARTIAL, _PRIOR = 1, 2, 3  # random streams: one never shifts another


@dataclasses.dataclass(frozen=True)
class BatchPlan:
  """What a batch is made of.

  Attributes:
    batch_size: labelled + partial examples.
    partial_fraction: share of partial examples in stage 2; the paper's 3 : 1 is 0.25.
    crop_size, view, slices_per_input, scales, max_rotation_degrees: see data.slices.Cropping.
  """
  batch_size: int
  partial_fraction: float
  crop_size: int
  view: str
  slices_per_input: int
  scales: tuple[float, ...]
  max_rotation_degrees: float
  seed: int

  @property
  def partial_size(self):
    """Partial examples of a stage 2 batch."""
    return round(self.batch_size * self.partial_fraction)


class Batches:
  """Makes the tf.data streams of one run."""

  def __init__(self, store: Store, splits: Splits, plan: BatchPlan):
    self._plan = plan
    self._class_count = len(store.organs) + 1
    self._annotated = np.stack([_annotated_mask(store, case) for case in splits.partial]) if splits.partial else None
    cropping = self._cropping(splits.labeled + splits.partial)
    self._canvas_size = cropping.canvas_size
    self._labeled = SliceSampler(splits.labeled, cropping, _stream_seed(plan.seed, _LABELED))
    self._partial = splits.partial and SliceSampler(splits.partial, cropping, _stream_seed(plan.seed, _PARTIAL))
    self._prior = SliceSampler(splits.labeled, cropping, _stream_seed(plan.seed, _PRIOR))

  def _cropping(self, cases):
    plan = self._plan
    in_plane = [size for case in cases for axis, size in enumerate(case.shape) if axis != SLICE_AXIS[plan.view]]
    canvas = augment.canvas_size(plan.crop_size, plan.scales, plan.max_rotation_degrees, max(in_plane))
    return Cropping(plan.view, plan.slices_per_input, plan.crop_size, canvas, plan.scales, plan.max_rotation_degrees)

  def labeled(self, first_step, last_step):
    """Batches of labelled examples alone: stage 1, and stage 2 of `full`.

    Yields, for step in [first_step, last_step):
      {"labeled": {"image": float32 [batch, crop, crop, channels] in [0, 255],
                   "label": uint8 [batch, crop, crop], 255 ignore}}
    """
    return _stream(first_step, last_step, lambda step: {"labeled": self._examples(
        self._labeled, step, self._plan.batch_size)})

  def mixed(self, first_step, last_step):
    """Batches of stage 2: as `labeled`, and "partial" beside it.

    "partial" also has "annotated": float32 [partial size, K + 1], 1 for the classes that the case's label map holds;
    entry 0, background, is 1 only where all organs are annotated.
    """
    partial_size = self._plan.partial_size

    def batch(step):
      return {"labeled": self._examples(self._labeled, step, self._plan.batch_size - partial_size),
              "partial": self._examples(self._partial, step, partial_size, self._annotated)}

    return _stream(first_step, last_step, batch)

  def prior_labels(self, examples):
    """Label crops under training's own sampling law, at least `examples` of them and at least an epoch."""
    batch = self._plan.batch_size
    steps = -(-max(examples, len(self._prior)) // batch)
    return _stream(0, steps, lambda step: self._examples(self._prior, step, batch)["label"])

  def _examples(self, sampler, step, count, annotated=None):
    def draw(step):
      drawn = [sampler.example(step * count + place) for place in range(count)]
      case, image, label, transform = (np.stack(part) for part in zip(*drawn))
      return case.astype(np.int32), image, label, transform

    case, image, label, transform = tf.numpy_function(
        draw, [step], [tf.int32, tf.uint8, tf.uint8, tf.float32], stateful=False)
    side, channels = self._canvas_size, self._plan.slices_per_input
    for tensor, shape in ((case, []), (image, [side, side, channels]), (label, [side, side]), (transform, [8])):
      tensor.set_shape([count, *shape])
    image, label = augment.crop(image, label, transform, self._plan.crop_size)
    examples = {"image": image, "label": label}
    if annotated is not None:
      examples["annotated"] = tf.ensure_shape(tf.gather(tf.constant(annotated), case), [count, self._class_count])
    return examples


def _stream(first_step, last_step, make):
  steps = tf.data.Dataset.range(first_step, last_step)
  options = tf.data.Options()
  options.deterministic = True
  return steps.map(make, num_parallel_calls=2).with_options(options).prefetch(4)


def _stream_seed(seed, stream):
  """One 64-bit seed from the run's seed and the stream's number."""
  return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0])


def _annotated_mask(store, case):
  organs = [float(organ in case.annotated) for organ in store.organs]
  return np.array([float(all(organs))] + organs, np.float32)
