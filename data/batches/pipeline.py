"""Training batches: labelled and partial examples in fixed proportions, a pure function of (seed, step)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import tensorflow as tf

from data.arrays import Floats, Integers
from data.atlas.placed import PlacedAtlas
from data.batches.augment import Canvas, Transform
from data.batches.patches import PatchSampler, PatchSampling
from data.batches.random_access import stream_seed
from data.batches.slices import SliceSampler, SliceSampling
from data.stored.splits import Splits
from data.stored.store import Store, StoredCase

_LABELED, _PARTIAL, _PRIOR = 1, 2, 3  # random streams: one never shifts another


@dataclasses.dataclass(frozen=True)
class BatchPlan:
  """What a batch is made of.

  Attributes:
    sampling: how an example is sampled; its class decides whether it is a slice or a patch.
    batch_size: labelled and partial examples together, a multiple of 4.
    partial_fraction: share of partial examples in stage 2; the paper's 3 : 1 is 0.25.
    seed: decides every example of every step.
  Raises:
    ValueError: Beginning with "batch_size=<value>: ", if that is not allowed.
  """

  sampling: SliceSampling | PatchSampling
  batch_size: int = 16
  partial_fraction: float = 0.25
  seed: int = 0

  def __post_init__(self) -> None:
    if self.batch_size < 1 or self.batch_size % 4:
      nearest = max(4, round(self.batch_size / 4) * 4)
      raise ValueError(f"batch_size={self.batch_size}: must be a multiple of 4; the nearest is {nearest}")

  @property
  def partial_size(self) -> int:
    """Partial examples of a batch of stage 2."""
    return round(self.batch_size * self.partial_fraction)


class Batches:
  """Makes the tf.data streams of one run.

  An example's image is float32 in [0, 255], its label uint8 with 255 for ignore: [crop, crop, channels] and
  [crop, crop] of slices, [z, y, x, 1] and [z, y, x] of patches. All shapes are static.
  """

  def __init__(
    self,
    store: Store,
    splits: Splits,
    plan: BatchPlan,
    prior_cases: Collection[str] | None = None,
    atlas: PlacedAtlas | None = None,
  ) -> None:
    """Opens the cases.

    Args:
      prior_cases: ids of the partial cases whose images the prior counts. None counts all of them, and leaves
        "in_prior" out of the batches.
      atlas: of the partial cases, in their order; what it expects is then part of the batches.
    """
    self._plan = plan
    self._atlas = atlas
    self._class_count = len(store.organs) + 1
    self._labeled = _sampler(splits.labeled, plan, _LABELED)
    self._partial = _sampler(splits.partial, plan, _PARTIAL) if splits.partial else None
    self._annotated = _annotated_masks(store, splits.partial)
    self._in_prior: Floats | None = None
    if prior_cases is not None:
      self._in_prior = np.array([case.id in prior_cases for case in splits.partial], np.float32)
    # Patches of a partial case lie around the organs annotated there, which raises these organs' shares. The
    # prior stands for the shares in partial images, so its patches choose among the same organs.
    counted = [case for case in splits.partial if prior_cases is None or case.id in prior_cases]
    focus = tuple(_annotated_values(store, case) for case in counted)
    self._prior = _sampler(splits.labeled, plan, _PRIOR, focus)

  def labeled(self, first_step: int, last_step: int) -> tf.data.Dataset:
    """Batches of labelled examples alone: stage 1, and stage 2 of full supervision.

    Yields, for step in [first_step, last_step):
      {"labeled": {"image": [batch, ...], "label": [batch, ...]}}
    """
    return _stream(
      first_step,
      last_step,
      lambda step: {"labeled": self._examples(self._labeled, step, self._plan.batch_size)},
    )

  def mixed(self, first_step: int, last_step: int) -> tf.data.Dataset:
    """Batches of stage 2: as `labeled`, and "partial" beside it.

    "partial" also has "annotated": float32 [partial size, K + 1], 1 for the classes that the case's label map
    holds; entry 0, background, is 1 only where all organs are annotated. With `prior_cases` it has "in_prior"
    too: float32 [partial size], 0 or 1; with an atlas "expected": float32 [partial size, ..., K + 1], the
    shares that it expects at each pixel.
    """
    partial, partial_size = self._partial_sampler(), self._plan.partial_size

    def batch(step: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
      return {
        "labeled": self._examples(self._labeled, step, self._plan.batch_size - partial_size),
        "partial": self._examples(partial, step, partial_size, self._annotated, self._atlas),
      }

    return _stream(first_step, last_step, batch)

  def prior_labels(self, examples: int) -> tf.data.Dataset:
    """Batches of labels [batch, ...] of labelled cases, sampled as partial examples are.

    There are at least `examples` of them, and at least an epoch.
    """
    return self._labels(self._prior, examples).map(lambda batch: batch["label"])

  def partial_labels(self, examples: int) -> tf.data.Dataset:
    """Batches of labels of partial cases, as many as by `prior_labels`, with what they annotate: {"label",
    "annotated"}."""
    return self._labels(self._partial_sampler(), examples, self._annotated)

  def _partial_sampler(self) -> SliceSampler | PatchSampler:
    if self._partial is None:
      raise ValueError("the splits hold no partial case; only batches of labelled cases can be made")
    return self._partial

  def _labels(
    self, sampler: SliceSampler | PatchSampler, examples: int, annotated: Floats | None = None
  ) -> tf.data.Dataset:
    batch = self._plan.batch_size
    steps = -(-max(examples, len(sampler)) // batch)

    def draw(step: tf.Tensor) -> dict[str, tf.Tensor]:
      drawn = self._examples(sampler, step, batch, annotated)
      return {name: value for name, value in drawn.items() if name in ("label", "annotated")}

    return _stream(0, steps, draw)

  def _examples(
    self,
    sampler: SliceSampler | PatchSampler,
    step: tf.Tensor,
    count: int,
    annotated: Floats | None = None,
    atlas: PlacedAtlas | None = None,
  ) -> dict[str, tf.Tensor]:
    def draw(step: int) -> tuple[Integers, Canvas, Canvas, Transform, Floats]:
      drawn = [sampler.example(step * count + position) for position in range(count)]
      case, image, label, transform, _ = (np.stack(part) for part in zip(*drawn))
      expected = [atlas.expected(one.case, sampler.voxels(one)) for one in drawn] if atlas else 0
      return case.astype(np.int32), image, label, transform, np.array(expected, np.float32)

    case, *canvases, expected = tf.numpy_function(
      draw, [step], [tf.int32, tf.uint8, tf.uint8, tf.float32, tf.float32], stateful=False
    )
    for tensor, shape in zip([case, *canvases], [[], *sampler.canvas_shapes]):
      tensor.set_shape([count, *shape])
    image, label = sampler.crop(*canvases)
    examples = {"image": image, "label": label}
    if atlas is not None:
      examples["expected"] = tf.ensure_shape(expected, [*label.shape, self._class_count])
    if annotated is not None:
      examples["annotated"] = tf.ensure_shape(
        tf.gather(tf.constant(annotated), case), [count, self._class_count]
      )
      if self._in_prior is not None:
        examples["in_prior"] = tf.ensure_shape(tf.gather(tf.constant(self._in_prior), case), [count])
    return examples


def _stream(first_step: int, last_step: int, make: Callable[[tf.Tensor], Any]) -> tf.data.Dataset:
  steps = tf.data.Dataset.range(first_step, last_step)
  options = tf.data.Options()
  options.deterministic = True
  return steps.map(make, num_parallel_calls=2).with_options(options).prefetch(4)


def _sampler(
  cases: tuple[StoredCase, ...], plan: BatchPlan, stream: int, focus: tuple[Collection[int], ...] = ()
) -> SliceSampler | PatchSampler:
  seed = stream_seed(plan.seed, stream)
  if isinstance(plan.sampling, PatchSampling):
    return PatchSampler(cases, plan.sampling, seed, focus)
  return SliceSampler(cases, plan.sampling, seed)


def _annotated_masks(store: Store, cases: tuple[StoredCase, ...]) -> Floats | None:
  """float32 [cases, K + 1], 1 for the classes that a case's label map holds; None without cases."""
  if not cases:
    return None
  organs = [[float(organ in case.annotated) for organ in store.organs] for case in cases]
  return np.array([[float(all(mask)), *mask] for mask in organs], np.float32)


def _annotated_values(store: Store, case: StoredCase) -> frozenset[int]:
  """The label values that a case's map may hold."""
  return frozenset(value for value, organ in enumerate(store.organs, 1) if organ in case.annotated)
