"""J_P, the loss on the partial images, in the forms that an Objective chooses from."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deeplab_panns.method import losses
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.replicas import global_sum


class Features(NamedTuple):
  """What the logits of a batch are made of.

  Attributes:
    labeled, partial: float [n, ..., channels] of the labelled and of the partial images.
    label: uint8 [n, ...] of the labelled images.
  """

  labeled: tf.Tensor
  label: tf.Tensor
  partial: tf.Tensor


class FeatureRule(tf.Module):
  """What a method makes of the features of pixels, besides the logits (deeplab_panns.rivals)."""

  def judge(self, features: Features, partial: PartialExamples) -> tuple[PartialExamples, tf.Tensor]:
    """Called once a step, on every replica.

    Returns:
      The partial images as J_P is to take them, and this replica's part of a loss beside it: a float32
      scalar.
    """
    raise NotImplementedError

  def new_teacher(self) -> None:
    """Called when the teacher has become a snapshot of the network."""


def partial_loss(objective: Objective, logits: tf.Tensor, partial: PartialExamples) -> tf.Tensor:
  """J_P: this replica's sum over its valid pixels, divided by the count of the global batch.

  Args:
    objective: which form, and the weight of the exclusion term beside it.
    logits: float [n, ..., K + 1] of the network for the n partial images.
    partial: the images. Without targets the loss is the marginal one.
  Returns:
    A float32 scalar, 0 where no pixel is valid; the replicas' parts add up to J_P.
  """
  pixels = global_sum(tf.reduce_sum(partial.valid))
  return _loss_sum(objective, logits, partial) / tf.maximum(pixels, 1.0)


def _loss_sum(objective: Objective, logits: tf.Tensor, partial: PartialExamples) -> tf.Tensor:
  if objective.partial_loss == "marginal" or partial.target is None:
    loss = losses.marginal_cross_entropy_sum(logits, partial.label, partial.annotated)
  elif objective.pseudo_labels == "soft":
    loss = losses.soft_cross_entropy_sum(logits, partial.target, partial.valid)
  else:
    loss = losses.cross_entropy_sum(logits, partial.target)
  if objective.exclusion_weight:
    loss += objective.exclusion_weight * losses.exclusion_sum(logits, partial.shown_label, partial.annotated)
  return loss
