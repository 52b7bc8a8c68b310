"""J_P, the loss on the partial images, in the forms that an Objective chooses from."""

from __future__ import annotations

import tensorflow as tf

from deeplab_panns.method import losses
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.replicas import global_sum


def partial_loss(objective: Objective, logits: tf.Tensor, partial: PartialExamples) -> tf.Tensor:
  """J_P: this replica's sum over its valid pixels, divided by the count of the global batch.

  Args:
    objective: which form, and the weight of the exclusion term beside it.
    logits: float [n, ..., K + 1] of the network for the n partial images.
    partial: the images; with targets unless the loss is marginal.
  Returns:
    A float32 scalar, 0 where no pixel is valid; the replicas' parts add up to J_P.
  """
  pixels = global_sum(tf.reduce_sum(partial.valid))
  return _loss_sum(objective, logits, partial) / tf.maximum(pixels, 1.0)


def _loss_sum(objective: Objective, logits: tf.Tensor, partial: PartialExamples) -> tf.Tensor:
  if objective.partial_loss == "marginal":
    loss = losses.marginal_cross_entropy_sum(logits, partial.label, partial.annotated)
  elif objective.pseudo_labels == "soft":
    loss = losses.soft_cross_entropy_sum(logits, partial.target, partial.valid)
  else:
    loss = losses.cross_entropy_sum(logits, partial.target)
  if objective.exclusion_weight:
    loss += objective.exclusion_weight * losses.exclusion_sum(logits, partial.label, partial.annotated)
  return loss
