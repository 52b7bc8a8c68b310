"""LTUDA's prototypes: class means of features, of labelled and of guessed pixels, that must classify alike.

X. Jiang et al., "Labeled-to-unlabeled distribution alignment for partially-supervised multi-organ medical
image segmentation", Medical Image Analysis 2024 (arXiv 2409.03228); its other half, mixing between the sets,
is deeplab_panns.method.mixing. Simplified: the features in front of the logits take the place of a projection
of their own, a fixed temperature that of a learned normalization; all pixels of a class make its prototype,
not those alone that it already classifies; one mixed view of an image and not two; the two terms of weight
.01 and .001 that draw pixels to their prototype are left out; and the linear classifier is what is tested.
"""

from __future__ import annotations

import tensorflow as tf

from data.organs import IGNORE
from deeplab_panns.method.losses import valid_pixels
from deeplab_panns.method.partial_examples import PartialExamples
from deeplab_panns.method.partial_loss import FeatureRule, Features
from deeplab_panns.method.replicas import global_sum


class Prototypes(FeatureRule):
  """Two more classifiers of the partial images' pixels: by the cosine to the prototypes of either kind.

  Attributes:
    labeled: float32 variable [K + 1, channels]: mean direction of the pixels whose class was annotated; zeros
      for a class that has not been seen.
    guessed: the same of the pixels that the teacher labelled.
  """

  MOMENTUM = 0.99  # the paper's .999 has as many steps as this has hundreds
  TEMPERATURE = 0.1

  def __init__(self, classes: int, channels: int) -> None:
    super().__init__()
    self.labeled = tf.Variable(tf.zeros([classes, channels]), trainable=False, name="labeled")
    self.guessed = tf.Variable(tf.zeros([classes, channels]), trainable=False, name="guessed")

  def judge(self, features: Features, partial: PartialExamples) -> tuple[PartialExamples, tf.Tensor]:
    """The partial images as they are, and this replica's part of the two classifiers' cross-entropies."""
    unit = _unit(tf.cast(features.partial, tf.float32))
    target = partial.target
    if target is None:
      raise ValueError("received partial examples without targets; label them by the teacher first.")
    valid = valid_pixels(target)
    pixels = tf.maximum(global_sum(tf.reduce_sum(valid)), 1.0)
    loss = tf.add_n(
      [cross_entropy_sum(unit, prototypes, target) for prototypes in (self.labeled, self.guessed)]
    )
    known = tf.logical_and(partial.label != 0, partial.label != IGNORE)
    if partial.pasted is not None:
      known = tf.logical_or(known, partial.pasted)
    nowhere = tf.fill(tf.shape(target), tf.constant(IGNORE, target.dtype))
    labeled = _class_sums(_unit(tf.cast(features.labeled, tf.float32)), features.label, self.labeled.shape[0])
    labeled += _class_sums(unit, tf.where(known, target, nowhere), self.labeled.shape[0])
    guessed = _class_sums(unit, tf.where(known, nowhere, target), self.labeled.shape[0])
    self._follow(self.labeled, global_sum(labeled))
    self._follow(self.guessed, global_sum(guessed))
    return partial, loss / pixels

  def _follow(self, prototypes: tf.Variable, sums: tf.Tensor) -> None:
    """Moves the prototypes towards the directions of a batch's sums; a class without pixels stays."""
    direction = _unit(sums)
    seen = tf.reduce_any(prototypes != 0, axis=-1, keepdims=True)
    moved = tf.where(seen, self.MOMENTUM * prototypes + (1 - self.MOMENTUM) * direction, direction)
    prototypes.assign(tf.where(tf.reduce_any(sums != 0, axis=-1, keepdims=True), _unit(moved), prototypes))


def cross_entropy_sum(unit: tf.Tensor, prototypes: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
  """Cross-entropy of the classes by cosine / temperature, over the pixels whose class has a prototype.

  Args:
    unit: float32 [n, ..., channels] of length 1.
    prototypes: [K + 1, channels] of length 1, or 0 where there is none.
    target: uint8 [n, ...]; IGNORE counts nowhere.
  Returns:
    A float32 scalar.
  """
  logits = tf.linalg.matmul(unit, prototypes, transpose_b=True) / Prototypes.TEMPERATURE
  has_one = tf.reduce_any(prototypes != 0, axis=-1)
  logits = tf.where(has_one, logits, tf.constant(-1e9))
  classes = tf.where(tf.equal(target, IGNORE), tf.zeros_like(target), target)
  counted = valid_pixels(target) * tf.cast(tf.gather(has_one, tf.cast(classes, tf.int32)), tf.float32)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(classes, tf.int32), logits)
  return tf.reduce_sum(tf.where(counted > 0, losses, tf.zeros_like(losses)))


def _unit(vectors: tf.Tensor) -> tf.Tensor:
  return tf.math.l2_normalize(vectors, axis=-1, epsilon=1e-12)


def _class_sums(unit: tf.Tensor, label: tf.Tensor, classes: int) -> tf.Tensor:
  """[K + 1, channels]: the directions of each class's pixels summed; IGNORE is in none."""
  flat = tf.reshape(tf.stop_gradient(unit), [-1, unit.shape[-1]])
  members = tf.one_hot(tf.reshape(tf.cast(label, tf.int32), [-1]), classes)
  return tf.matmul(members, flat, transpose_a=True)
