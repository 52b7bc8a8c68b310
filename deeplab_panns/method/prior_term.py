"""The prior term of Eq. 3 during training: the share p̄ of a batch, its pull on Θ, and the duals' ascent."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deeplab_panns.method import losses, pseudo_labels
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.replicas import global_sum, replica_count


class MeasuredPrior(NamedTuple):
  """The prior term of one batch.

  Attributes:
    pull: float32 scalar, this replica's part of what λ2 weighs; its gradient pulls the shares towards q.
    share: float32 [K + 1], p̄ of the global batch (Eq. 1), without a gradient; zeros where no pixel counts.
    expected: float32 [K + 1], the shares that the atlas expects of the same pixels; None without.
    has_pixels: float32 scalar: 1 if a pixel of the global batch counts in p̄, else 0.
  """

  pull: tf.Tensor
  share: tf.Tensor
  has_pixels: tf.Tensor
  expected: tf.Tensor | None = None


class PriorTerm:
  """Measures p̄ and moves the dual variables after it."""

  def __init__(self, duals: Duals, objective: Objective) -> None:
    self._duals = duals
    self._objective = objective

  def measure(self, logits: tf.Tensor, partial: PartialExamples) -> MeasuredPrior:
    """The prior term under the duals as they are.

    Args:
      logits: float [n, ..., K + 1] of the network for the n partial images.
      partial: the images; only the pixels `counted_by_prior` enter.
    """
    counted = partial.counted_by_prior
    pixels = global_sum(tf.reduce_sum(counted))
    share = losses.probability_sum(logits, counted) / tf.maximum(pixels, 1.0)
    global_share = tf.stop_gradient(global_sum(share))
    if self._objective.prior_scope == "example":
      pull = self._pull_of_each_example(logits, counted)
    else:
      # linear in p̄, so the replicas' parts add up to the whole
      pull = tf.reduce_sum(self._duals.slope() * share)
    return MeasuredPrior(pull, global_share, tf.minimum(pixels, 1.0), _expected_share(partial, pixels))

  def value(self, measured: MeasuredPrior) -> tf.Tensor:
    """The saddle value of the global p̄ under the present duals, without λ2: a float32 scalar."""
    return self._duals.value(measured.share)

  def ascend(self, measured: MeasuredPrior) -> None:
    """One step of the duals towards their optimum for p̄.

    A batch without a pixel that counts says nothing about p̄: the duals stay as they are.
    """
    objective = self._objective
    if objective.dual_update == "newton":
      step_size = measured.has_pixels * objective.dual_step
      self._duals.ascend_newton(measured.share, step_size, measured.expected)
    else:
      step_size = measured.has_pixels * objective.learning_rate_dual
      self._duals.ascend_printed(measured.share, step_size, objective.lambda2)

  def _pull_of_each_example(self, logits: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
    """−Σ q log p̄ + (1 − q) log(1 − p̄) of every image by itself, averaged over the images of the global batch.

    The share of one image is known exactly, so no dual variables are needed. An image without a counted pixel
    has a constant value and no gradient.
    """
    examples = tf.cast(tf.shape(logits)[0] * replica_count(), tf.float32)
    sums = tf.vectorized_map(
      lambda one: losses.probability_sum(one[0][None], one[1][None]), (logits, counted)
    )
    counts = tf.reduce_sum(counted, axis=list(range(1, len(counted.shape))))
    return tf.reduce_sum(self._duals.direct(sums / tf.maximum(counts, 1.0)[:, None])) / examples


def _expected_share(partial: PartialExamples, pixels: tf.Tensor) -> tf.Tensor | None:
  """float32 [K + 1]: the annotation where it covers a pixel, the atlas elsewhere, over the global batch."""
  if partial.expected is None:
    return None
  completed = pseudo_labels.complete_softly(
    partial.label, partial.annotated, pseudo_labels.log_of(partial.expected)
  )
  weighted = completed * partial.counted_by_prior[..., None]
  counts = tf.reduce_sum(weighted, axis=list(range(len(weighted.shape) - 1)))
  return global_sum(counts) / tf.maximum(pixels, 1.0)
