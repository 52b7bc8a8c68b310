"""Losses as sums over valid pixels.

The trainer divides them by counts over the global batch, which the replicas hold a part of each.
"""

from __future__ import annotations

import tensorflow as tf

from data.organs import IGNORE


def valid_pixels(label: tf.Tensor) -> tf.Tensor:
  """1.0 where a pixel counts, 0.0 where its label is IGNORE; float32 of the label's shape."""
  return tf.cast(tf.not_equal(tf.cast(label, tf.int32), IGNORE), tf.float32)


def over_pixels(of_example: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
  """[batch, K + 1], one row for each example, reshaped to broadcast over the pixels of `like`.

  Args:
    like: [batch, ..., K + 1].
  Returns:
    [batch, 1, ..., 1, K + 1], with as many axes as `like`.
  """
  shape = tf.shape(of_example)
  return tf.reshape(
    of_example, tf.concat([shape[:1], tf.ones([len(like.shape) - 2], tf.int32), shape[1:]], 0)
  )


def cross_entropy_sum(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
  """Cross-entropy summed over the valid pixels: J_L and J_P before their division.

  Args:
    logits: float [batch, ..., K + 1].
    label: integers [batch, ...], IGNORE where the pixel does not count.
  Returns:
    A float32 scalar; its gradient is zero at ignored pixels.
  """
  valid = valid_pixels(label)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(_classes(label, valid), tf.cast(logits, tf.float32))
  return tf.reduce_sum(losses * valid)


def soft_cross_entropy_sum(logits: tf.Tensor, target: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
  """Cross-entropy to target probabilities, summed over the valid pixels.

  Args:
    logits, target: float [batch, ..., K + 1]; the target's last axis sums to 1.
    valid: float32 [batch, ...], from `valid_pixels`.
  Returns:
    A float32 scalar.
  """
  losses = tf.nn.softmax_cross_entropy_with_logits(target, tf.cast(logits, tf.float32))
  return tf.reduce_sum(losses * valid)


def probability_sum(logits: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
  """Softmax probabilities summed over the valid pixels: p̄ (Eq. 1) before its division.

  Args:
    logits: float [batch, ..., K + 1].
    valid: float32 [batch, ...], from `valid_pixels`.
  Returns:
    float32 [K + 1].
  """
  probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
  weighted = probabilities * valid[..., None]
  return tf.reduce_sum(weighted, axis=list(range(len(weighted.shape) - 1)))


def marginal_cross_entropy_sum(logits: tf.Tensor, label: tf.Tensor, annotated: tf.Tensor) -> tf.Tensor:
  """Cross-entropy of what the annotation tells, summed over the valid pixels; it needs no pseudo-labels.

  A pixel of an annotated organ adds −log of that organ's probability. Any other pixel adds −log of the
  probability that it is background *or* an organ that nobody annotated: the sum of their softmax
  probabilities. (Some released programs sum the logits instead, which is wrong.)

  Args:
    logits: float [batch, ..., K + 1].
    label: uint8 [batch, ...]: an annotated organ's class, 0 where none is, IGNORE where the pixel does not
      count.
    annotated: float [batch, K + 1], 1 for the classes that the label map holds.
  Returns:
    A float32 scalar.
  """
  valid = valid_pixels(label)
  log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
  unknown = _log_sum_over(log_probabilities, _unannotated(annotated))
  classes = _classes(label, valid)
  known = tf.gather(log_probabilities, classes, axis=-1, batch_dims=len(label.shape))
  return -tf.reduce_sum(valid * tf.where(classes == 0, unknown, known))


def exclusion_sum(logits: tf.Tensor, label: tf.Tensor, annotated: tf.Tensor) -> tf.Tensor:
  """−log(1 − probability of the organs nobody annotated), summed over the pixels of annotated organs.

  Organs exclude one another: where one is annotated, none of the unknown ones can be. As a cross-entropy this
  repeats part of what the annotated organ's own −log p says, so confusing two organs costs more than
  confusing an organ with background. The Dice form of the same idea: Shi et al., "Marginal loss and exclusion
  loss for partially supervised multi-organ segmentation", Medical Image Analysis 2021.

  Args:
    logits, label, annotated: as in `marginal_cross_entropy_sum`.
  Returns:
    A float32 scalar.
  """
  covered = valid_pixels(label) * tf.cast(tf.not_equal(tf.cast(label, tf.int32), 0), tf.float32)
  log_probabilities = tf.nn.log_softmax(tf.cast(logits, tf.float32))
  possible = tf.concat([tf.ones_like(annotated[:, :1]), annotated[:, 1:]], axis=1)
  return -tf.reduce_sum(covered * _log_sum_over(log_probabilities, possible))


def _classes(label: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
  """The label as int32, 0 for IGNORE: any class will do where the weight is 0, and 255 would give NaN."""
  return tf.cast(label, tf.int32) * tf.cast(valid, tf.int32)


def _unannotated(annotated: tf.Tensor) -> tf.Tensor:
  """[batch, K + 1]: 1 for background and the organs nobody annotated."""
  return tf.concat([tf.ones_like(annotated[:, :1]), 1.0 - annotated[:, 1:]], axis=1)


def _log_sum_over(log_probabilities: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
  """Log of the chosen classes' total probability: [batch, ..., K + 1] and [batch, K + 1] to [batch, ...]."""
  chosen = over_pixels(classes, log_probabilities) > 0
  # not −inf, whose gradient is NaN
  return tf.reduce_logsumexp(tf.where(chosen, log_probabilities, tf.constant(-1e9)), axis=-1)
