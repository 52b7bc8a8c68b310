"""PaNN: the Keras model that trains any segmentation network by the paper's Algorithm 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import tensorflow as tf

from deeplab_panns.method import losses, pseudo_labels
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.loss_scale import LossScale
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.partial_loss import FeatureRule, Features, partial_loss
from deeplab_panns.method.prior_term import MeasuredPrior, PriorTerm
from deeplab_panns.method.replicas import (
  ReplicatedMean,
  ReplicatedMeanTensor,
  global_positions,
  global_sum,
  replica_count,
)
from deeplab_panns.method.teacher import Teaching
from deeplab_panns.networks.dropout import dropout_stream
from deeplab_panns.networks.features import with_features

Batch = Mapping[str, Mapping[str, tf.Tensor]]
"""{"labeled": {"image", "label"}} in stage 1; in stage 2 with "partial", as `partial_examples` takes it."""


class Logits(NamedTuple):
  """Of both parts of a batch, float [n, ..., K + 1] each; stage 1 has no partial images.

  `features` of all images, the labelled ones first: float [n, ..., channels], where a rule asks for them.
  """

  labeled: tf.Tensor
  partial: tf.Tensor | None
  features: tf.Tensor | None = None


class PaNN(tf.keras.Model):
  """Wraps a network (image to logits) with the losses, the teacher and the dual variables.

  It trains on what `data.batches.pipeline` yields, see Batch. Every mean divides by a count over the *global*
  batch, so that replicas add up to what one device computes in spite of ignored pixels.

  Attributes:
    network, teacher, optimizer, duals, alignment, loss_scale, feature_rule, peer: what a checkpoint holds; no
      loss_scale, feature_rule, peer is None.
    first_bad_step: int64 variable, the first step (from 1) whose loss or gradient was not finite; −1 if none
      was.
    tracked: {name: tf.keras.metrics.Mean} of the three terms' values and the gradient's norm since the last
      reset.
    tracked_share: tf.keras.metrics.MeanTensor of p̄, [K + 1].
  """

  def __init__(
    self,
    network: tf.keras.Model,
    teacher: tf.keras.Model,
    duals: Duals,
    objective: Objective,
    seed: int,
    loss_scale: LossScale | None = None,
    feature_rule: FeatureRule | None = None,
    followed: tf.keras.Model | None = None,
  ) -> None:
    """Puts the parts together.

    Args:
      network: [batch, ..., channels] to logits [batch, ..., K + 1].
      teacher: another instance of it; labels the partial images and is never trained.
      duals: ν and μ, and the prior q.
      objective: which terms count, and how.
      seed: of the dropout masks and the mixing.
      loss_scale: for a network that computes in float16.
      feature_rule: what is made of the features of pixels, if anything.
      followed: whose weights the teacher takes; None: the network's own.
    """
    super().__init__()
    self.distribute_reduction_method = "first"  # the step's results are those of the global batch
    self.loss_scale = loss_scale
    self.feature_rule = feature_rule
    self.network = network
    self._with_features = with_features(network) if feature_rule else None
    self.teacher = teacher
    teacher.trainable = False
    self.duals = duals
    moving = objective.aligned_to != "prior_with_annotated"
    self.alignment = pseudo_labels.Alignment(duals.prior.numpy(), moving)
    self._objective = objective
    self._seed = seed
    self._teaching = Teaching(
      network if followed is None else followed, teacher, self.alignment, objective, seed
    )
    self._prior_term = PriorTerm(duals, objective)
    # Whether all is finite is looked at only now and then; this keeps the step at which it was not.
    self.first_bad_step = tf.Variable(-1, dtype=tf.int64, trainable=False, name="first_bad_step")
    self.tracked: dict[str, tf.keras.metrics.Metric] = {
      name: ReplicatedMean(name) for name in ("loss/labeled", "loss/partial", "loss/prior", "gradient/norm")
    }
    self.tracked_share = ReplicatedMeanTensor("prior/p_bar", shape=duals.prior.shape)

  @property
  def peer(self) -> PaNN | None:
    """A second model that is trained beside this one (deeplab_panns.rivals.co_training)."""
    return None

  def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    return self.network(images, training=training)

  def refresh_teacher(self) -> None:
    """Takes the network's present weights as the teacher's."""
    self._teaching.take_snapshot()
    if self.feature_rule:
      self.feature_rule.new_teacher()

  def freeze_batch_norm(self) -> None:
    """From the next step on the network normalizes by its moving statistics; these, γ and β change no more.

    Meant for small batches, and for partial images that look different: one of them among few others shifts
    the statistics that all images of the batch are normalized by.
    """
    for layer in self.network.layers:
      if isinstance(layer, tf.keras.layers.BatchNormalization):
        layer.trainable = False
    # `fit` goes by what was trainable when the model was compiled
    self.compile(optimizer=self.optimizer, jit_compile=self.jit_compile, run_eagerly=self.run_eagerly)

  def train_step(self, batch: Batch) -> dict[str, tf.Tensor]:
    """One iteration: targets, descent on Θ with the duals as of the last step, then ascent on the duals.

    Algorithm 1 ascends first. With the duals of the step before, p̄ and ν come from different batches, so the
    gradient q ν ∇p̄ stays unbiased.
    """
    partial, prior = None, None
    with self._dropout_masks(batch), tf.GradientTape() as tape:
      if "partial" in batch:
        step = self.optimizer.iterations
        partial = self._teaching.partial_with_targets(batch["partial"], batch["labeled"], step)
      logits = self._logits(batch["labeled"]["image"], partial)
      loss = self._labeled_loss(logits.labeled, batch["labeled"]["label"])
      if partial is not None:
        prior = self._prior_term.measure(logits.partial, partial)
        if self.feature_rule:
          features = _features(logits.features, batch["labeled"]["label"])
          partial, beside = self.feature_rule.judge(features, partial)
          loss += self._objective.lambda1 * beside
        loss += self._partial_terms(logits.partial, partial, prior)
      total = loss + self._weight_decay()
      descended = self.loss_scale.scaled(total) if self.loss_scale else total
    weights = self.network.trainable_variables
    loss, total = global_sum([loss, total])
    self._descend(tape.gradient(descended, weights), tf.math.is_finite(total))
    if prior is not None:
      self._prior_term.ascend(prior)
      self._teaching.follow()
    return {"loss": loss}

  def _dropout_masks(self, batch: Batch) -> AbstractContextManager[None]:
    """Masks are a function of (seed, step, position in the batch), so a resumed run has the same ones."""
    sizes = [batch[part]["image"].shape[0] for part in ("labeled", "partial") if part in batch]
    return dropout_stream(self._seed, self.optimizer.iterations, global_positions(sizes))

  def _logits(self, labeled_images: tf.Tensor, partial: PartialExamples | None) -> Logits:
    """One forward pass, so that both kinds of images share the batch statistics."""
    if partial is None:
      return Logits(self.network(labeled_images, training=True), None)
    images = tf.concat([labeled_images, partial.image], axis=0)
    size = tf.shape(labeled_images)[0]
    if self._with_features is None:
      logits, features = self.network(images, training=True), None
    else:
      features, logits = self._with_features(images, training=True)
    return Logits(logits[:size], logits[size:], features)

  def _labeled_loss(self, logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """This replica's part of J_L."""
    count = global_sum(tf.reduce_sum(losses.valid_pixels(label)))
    loss = losses.cross_entropy_sum(logits, label) / tf.maximum(count, 1.0)
    self.tracked["loss/labeled"].update_state(global_sum(loss))
    return loss

  def _partial_terms(self, logits: tf.Tensor, partial: PartialExamples, prior: MeasuredPrior) -> tf.Tensor:
    """This replica's part of λ1 J_P + λ2 · the prior term."""
    loss = partial_loss(self._objective, logits, partial)
    self.tracked["loss/partial"].update_state(global_sum(loss))
    # a batch in which no pixel counts has no shares: zeros would pull the means down
    self.tracked["loss/prior"].update_state(self._prior_term.value(prior), prior.has_pixels)
    self.tracked_share.update_state(prior.share, prior.has_pixels)
    return self._objective.lambda1 * loss + self._objective.lambda2 * prior.pull

  def _weight_decay(self) -> tf.Tensor:
    """This replica's part of the network's penalties on its weights."""
    return tf.add_n(self.network.losses) / replica_count() if self.network.losses else 0.0

  def _descend(self, gradients: Sequence[tf.Tensor], is_loss_finite: tf.Tensor) -> None:
    """Moves the weights by the gradient of the global batch.

    Args:
      gradients: of this replica's part, scaled if there is a loss_scale.
    """
    weights = self.network.trainable_variables
    gradients = global_sum(list(gradients))
    if self.loss_scale:
      gradients = self.loss_scale.unscaled(gradients)
    norm = tf.linalg.global_norm(gradients)
    usable = tf.math.is_finite(norm)
    good = tf.logical_and(is_loss_finite, usable)
    if self.loss_scale:
      gradients = [tf.where(usable, gradient, tf.zeros_like(gradient)) for gradient in gradients]
      good = tf.logical_and(
        is_loss_finite, tf.logical_or(usable, tf.logical_not(self.loss_scale.exhausted()))
      )
      self.loss_scale.follow(usable)
    self.optimizer.apply_gradients(zip(gradients, weights), skip_gradients_aggregation=True)
    self.tracked["gradient/norm"].update_state(tf.where(usable, norm, 0.0), tf.cast(usable, tf.float32))
    self._note_bad_step(tf.logical_not(good))

  def _note_bad_step(self, is_bad: tf.Tensor) -> None:
    # iterations has been counted up already: this is the number of the step that went wrong, from 1
    first = tf.logical_and(is_bad, self.first_bad_step < 0)
    self.first_bad_step.assign(
      tf.where(first, tf.cast(self.optimizer.iterations, tf.int64), self.first_bad_step)
    )


def _features(of_all: tf.Tensor, label: tf.Tensor) -> Features:
  """Of all images of a batch, the labelled ones first, whose labels are given."""
  size = label.shape[0]
  return Features(of_all[:size], label, of_all[size:])
