"""Sums over valid pixels. The trainer divides them by counts over the whole batch, whichever replica holds it."""
import tensorflow as tf

from data.organs import IGNORE


def valid_pixels(label):
  """1.0 where a pixel counts, 0.0 where its label is IGNORE; float32 of the label's shape."""
  return tf.cast(tf.not_equal(tf.cast(label, tf.int32), IGNORE), tf.float32)


def cross_entropy_sum(logits, label):
  """Cross-entropy summed over the valid pixels: J_L and J_P before their division.

  Args:
    logits: float [batch, ..., K + 1].
    label: integers [batch, ...], IGNORE where the pixel does not count.
  Returns:
    A float32 scalar; its gradient is zero at ignored pixels.
  """
  valid = valid_pixels(label)
  # any class will do where the weight is zero; 255 itself would give NaN
  classes = tf.cast(label, tf.int32) * tf.cast(valid, tf.int32)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, tf.cast(logits, tf.float32))
  return tf.reduce_sum(losses * valid)


def probability_sum(logits, valid):
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
