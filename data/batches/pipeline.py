"""Training batches: labelled and partial examples in fixed proportions, a pure function of (seed, step)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import tensorflow as tf

from data.arrays import Floats, Integers, Labels
from data.atlas.placed import PlacedAtlas
from data.batches.patches import PatchSampler, PatchSampling
from data.batches.random_access import stream_seed
from data.batches.separate_slices import require_single_slices
from data.batches.share import Share
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

  def is_even(self, replicas: int, has_partial: bool) -> bool:
    """Whether batches, and the partial examples in those of stage 2, can be dealt evenly to replicas."""
    partial = self.batch_size * self.partial_fraction
    return not self.batch_size % replicas and (
      not has_partial or (partial == round(partial) and not round(partial) % replicas)
    )


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
    Raises:
      InputError: If a case has separate slices, and examples are more than one.
    """
    require_single_slices((*splits.labeled, *splits.partial), plan.sampling)
    self._plan = plan
    self._atlas = atlas
    self._class_count = len(store.organs) + 1
    self._labeled = _sampler(splits.labeled, plan, _LABELED)
    # where nothing is annotated no patch may be laid around what a label map holds
    nowhere = () if any(case.annotated for case in splits.partial) else (frozenset[int](),)
    self._partial = _sampler(splits.partial, plan, _PARTIAL, nowhere) if splits.partial else None
    self._annotated = _annotated_masks(store, splits.partial)
    self._in_prior: Floats | None = None
    if prior_cases is not None:
      self._in_prior = np.array([case.id in prior_cases for case in splits.partial], np.float32)
    # Patches of a partial case lie around the organs annotated there, which raises these organs' shares. The
    # prior stands for the shares in partial images, so its patches choose among the same organs.
    counted = [case for case in splits.partial if prior_cases is None or case.id in prior_cases]
    focus = tuple(_annotated_values(store, case) for case in counted)
    self._prior = _sampler(splits.labeled, plan, _PRIOR, focus)

  @property
  def without_anchor(self) -> tuple[str, ...]:
    """Ids of the partial cases that an atlas was given for and finds no place in."""
    return self._atlas.without_anchor if self._atlas else ()

  def labeled(
    self,
    first_step: int,
    last_step: int,
    share: Share = Share(),  # noqa: B008 - frozen
  ) -> tf.data.Dataset:
    """Batches of labelled examples alone: stage 1, and stage 2 of full supervision.

    Yields, for step in [first_step, last_step) and for each replica of the share:
      {"labeled": {"image": [batch, ...], "label": [batch, ...]}}
    """
    size = self._plan.batch_size

    def batch(step: tf.Tensor, replica: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
      return {"labeled": self._dealt(self._labeled, step, replica, size, share)}

    return _stream(first_step, last_step, batch, share)

  def mixed(
    self,
    first_step: int,
    last_step: int,
    share: Share = Share(),  # noqa: B008 - frozen
  ) -> tf.data.Dataset:
    """Batches of stage 2: as `labeled`, and "partial" beside it.

    "partial" also has "annotated": float32 [partial size, K + 1], 1 for the classes that the case's label map
    holds; entry 0, background, is 1 only where all organs are annotated. With `prior_cases` it has "in_prior"
    too: float32 [partial size], 0 or 1; with an atlas "expected": float32 [partial size, ..., K + 1], the
    shares that it expects at each pixel.
    """
    partial, partial_size = self._partial_sampler(), self._plan.partial_size
    labeled_size = self._plan.batch_size - partial_size

    def batch(step: tf.Tensor, replica: tf.Tensor) -> dict[str, dict[str, tf.Tensor]]:
      known = (self._annotated, self._atlas)
      return {
        "labeled": self._dealt(self._labeled, step, replica, labeled_size, share),
        "partial": self._dealt(partial, step, replica, partial_size, share, *known),
      }

    return _stream(first_step, last_step, batch, share)

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

    def draw(step: tf.Tensor, _: tf.Tensor) -> dict[str, tf.Tensor]:
      drawn = self._examples(sampler, step * batch, batch, annotated)
      return {name: value for name, value in drawn.items() if name in ("label", "annotated")}

    return _stream(0, steps, draw, Share())

  def _dealt(
    self,
    sampler: SliceSampler | PatchSampler,
    step: tf.Tensor,
    replica: tf.Tensor,
    size: int,
    share: Share,
    annotated: Floats | None = None,
    atlas: PlacedAtlas | None = None,
  ) -> dict[str, tf.Tensor]:
    """A replica's examples of the `size` that the global batch takes from a sampler."""
    own = share.of(size)
    return self._examples(sampler, step * size + replica * own, own, annotated, atlas)

  def _examples(
    self,
    sampler: SliceSampler | PatchSampler,
    first: tf.Tensor,
    count: int,
    annotated: Floats | None = None,
    atlas: PlacedAtlas | None = None,
  ) -> dict[str, tf.Tensor]:
    def draw(first: int) -> tuple[Integers, Floats, Labels, Floats]:
      drawn = [sampler.example(first + position) for position in range(count)]
      image, label = (np.stack(part) for part in zip(*map(sampler.crop, drawn)))
      expected = [atlas.expected(one.case, sampler.voxels(one)) for one in drawn] if atlas else 0
      return np.array([one.case for one in drawn], np.int32), image, label, np.array(expected, np.float32)

    case, image, label, expected = tf.numpy_function(
      draw, [first], [tf.int32, tf.float32, tf.uint8, tf.float32], stateful=False
    )
    for tensor, shape in zip((case, image, label), ([], *sampler.crop_shapes)):
      tensor.set_shape([count, *shape])
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


def _stream(
  first_step: int, last_step: int, make: Callable[[tf.Tensor, tf.Tensor], Any], share: Share
) -> tf.data.Dataset:
  """What `make` gives for every step and, within it, for every replica of the share."""
  numbers = tf.data.Dataset.range(first_step * share.count, last_step * share.count)
  options = tf.data.Options()
  options.deterministic = True
  batches = numbers.map(
    lambda number: make(number // share.count, share.first + number % share.count), num_parallel_calls=2
  )
  return batches.with_options(options).prefetch(4)


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
