"""The teacher: a copy of the network that labels the partial images where nobody annotated them."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from deeplab_panns.method import mixing, pseudo_labels
from deeplab_panns.method.objective import Objective
from deeplab_panns.method.partial_examples import PartialExamples, partial_examples
from deeplab_panns.method.replicas import global_sum


class Teaching:
  """What the partial images are trained on, and how the teacher follows the network.

  Args:
    network: tf.keras.Model, [n, ..., channels] to logits [n, ..., K + 1]; the one that is trained.
    teacher: another instance of it, never trained.
    alignment: the offsets of `--pseudo_labels=aligned`.
    objective: which pseudo-labels, whether images are mixed, and the teacher's decay.
    seed: of the mixing.
  """

  def __init__(
    self,
    network: tf.keras.Model,
    teacher: tf.keras.Model,
    alignment: pseudo_labels.Alignment,
    objective: Objective,
    seed: int,
  ) -> None:
    self._network = network
    self._teacher = teacher
    self._alignment = alignment
    self._objective = objective
    self._seed = seed

  def take_snapshot(self) -> None:
    """The network's present weights become the teacher's."""
    for ours, theirs in zip(self._network.variables, self._teacher.variables):
      theirs.assign(ours)

  def follow(self) -> None:
    """One step of an exponential moving average of the network, its batch norm statistics included.

    Tarvainen and Valpola, "Mean teachers are better role models", 2017. With a decay of 0 the teacher stays
    as it is until the next snapshot.
    """
    decay = self._objective.teacher_decay
    if decay:
      for ours, theirs in zip(self._network.variables, self._teacher.variables):
        theirs.assign(decay * theirs + (1 - decay) * tf.cast(ours, theirs.dtype))

  def partial_with_targets(
    self, examples: Mapping[str, tf.Tensor], labeled: Mapping[str, tf.Tensor], step: tf.Tensor
  ) -> PartialExamples:
    """The partial images with the targets that J_P compares the network with.

    Args:
      examples: the partial part of a batch, as `partial_examples` takes it.
      labeled: {"image", "label"} of the labelled part, whose boxes are pasted where images are mixed.
      step: of training, a scalar; decides the boxes.
    Returns:
      PartialExamples; without targets for the marginal loss, which asks no teacher.
    """
    partial = partial_examples(examples, self._objective.use_annotations)
    if self._objective.partial_loss == "marginal":
      return partial
    partial = partial._replace(target=self._target(partial))
    if self._objective.mix:
      partial = mixing.paste_labeled(labeled, partial, self._seed, step)
    return partial

  def _target(self, partial: PartialExamples) -> tf.Tensor:
    """The annotation where there is one, the teacher's label elsewhere."""
    logits = self._teacher(partial.image, training=False)
    if self._objective.atlas_weight:
      logits = self._by_atlas(partial, logits)
    if self._objective.pseudo_labels == "soft":
      return pseudo_labels.complete_softly(partial.label, partial.annotated, logits)
    if self._objective.pseudo_labels == "argmax":
      return pseudo_labels.complete(partial.label, partial.annotated, logits)
    target = pseudo_labels.complete(partial.label, partial.annotated, self._alignment.shift(logits))
    self._align(partial, target, logits)
    return target

  def _by_atlas(self, partial: PartialExamples, logits: tf.Tensor) -> tf.Tensor:
    """The logits with the atlas's term, where the scan has an anchor."""
    moved = pseudo_labels.by_atlas(
      logits, partial.expected, self._alignment.prior, self._objective.atlas_weight
    )
    if partial.in_prior is None:
      return moved
    anchored = tf.reshape(partial.in_prior, [-1] + [1] * (len(logits.shape) - 1)) > 0
    return tf.where(anchored, moved, logits)

  def _align(self, partial: PartialExamples, target: tf.Tensor, logits: tf.Tensor) -> None:
    """Moves the offsets by what the targets have and what they should have."""
    one_hot = tf.one_hot(tf.cast(target, tf.int32), self._alignment.classes)
    if self._objective.aligned_to == "prior_with_annotated":
      self._alignment.follow(_counts(one_hot, partial.counted_by_prior))
      return
    if self._objective.aligned_to == "teacher":
      beliefs = logits
    elif partial.expected is not None:
      beliefs = pseudo_labels.log_of(partial.expected)
    else:
      beliefs = tf.broadcast_to(pseudo_labels.log_of(self._alignment.prior), tf.shape(logits))
    wanted = pseudo_labels.complete_softly(partial.label, partial.annotated, beliefs)
    self._alignment.follow(_counts(one_hot, partial.guessed), _counts(wanted, partial.guessed))


def _counts(classes: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
  """float32 [K + 1]: the sum of [n, ..., K + 1] over the counted pixels of the global batch."""
  weighted = classes * counted[..., None]
  return global_sum(tf.reduce_sum(weighted, axis=list(range(len(weighted.shape) - 1))))
