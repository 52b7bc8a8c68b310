"""The partial images of a batch, as the losses and the prior term take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from deeplab_panns.method import losses, pseudo_labels


class PartialExamples(NamedTuple):
  """n partial images and what is known of them; K organs and background.

  Attributes:
    image: float [n, ..., channels].
    label: uint8 [n, ...]: an annotated organ's class, 0 where none is, IGNORE where the pixel does not count.
    annotated: float [n, K + 1], 1 for the classes that the label map holds.
    valid: float32 [n, ...], 1 for the pixels that count in the loss.
    expected: float32 [n, ..., K + 1], the shares that the anchored atlas expects at each pixel; None without.
    in_prior: float [n], 1 for the images that the prior counts; None: all of them.
    target: what the network is to predict: uint8 [n, ...] classes, or float32 [n, ..., K + 1] probabilities
      for soft pseudo-labels; None for the marginal loss, which has no pseudo-labels.
    pasted: bool [n, ...], where a labelled image was pasted; None where none was.
  """

  image: tf.Tensor
  label: tf.Tensor
  annotated: tf.Tensor
  valid: tf.Tensor
  in_prior: tf.Tensor | None = None
  target: tf.Tensor | None = None
  expected: tf.Tensor | None = None
  pasted: tf.Tensor | None = None

  @property
  def shown_label(self) -> tf.Tensor:
    """`label` of the partial image where it shows: 0 where a labelled image was pasted over it."""
    if self.pasted is None:
      return self.label
    return tf.where(self.pasted, tf.zeros_like(self.label), self.label)

  @property
  def guessed(self) -> tf.Tensor:
    """float32 [n, ...], 1 for the pixels counted by the prior that no annotation covers."""
    return self.counted_by_prior * tf.cast(tf.equal(self.label, 0), tf.float32)

  @property
  def counted_by_prior(self) -> tf.Tensor:
    """float32 [n, ...], 1 for the pixels that the prior counts: the valid ones of the images in the prior."""
    if self.in_prior is None:
      return self.valid
    return self.valid * tf.reshape(self.in_prior, [-1] + [1] * (len(self.valid.shape) - 1))


def partial_examples(examples: Mapping[str, tf.Tensor], use_annotations: bool) -> PartialExamples:
  """The partial part of a batch, without targets so far.

  Args:
    examples: {"image", "label", "annotated"} and possibly "in_prior" and "expected", as in PartialExamples.
    use_annotations: False forgets what is annotated; ignored pixels stay ignored.
  """
  label, annotated = examples["label"], examples["annotated"]
  if not use_annotations:
    label, annotated = pseudo_labels.forget(label, annotated)
  return PartialExamples(
    examples["image"],
    label,
    annotated,
    losses.valid_pixels(label),
    examples.get("in_prior"),
    expected=examples.get("expected"),
  )
