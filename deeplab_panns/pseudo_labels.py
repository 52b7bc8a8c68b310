"""Pseudo-labels: what the partial images are trained on where nobody annotated them (Eq. 5)."""
import tensorflow as tf

from data.organs import IGNORE


def complete(label, annotated, teacher_logits):
  """Fills the gaps of partial label maps with the teacher's choice.

  Args:
    label: uint8 [batch, ...]: an annotated organ's class, 0 where none is, IGNORE where the pixel does not count.
    annotated: float [batch, K + 1], 1 for the classes that the label map holds.
    teacher_logits: float [batch, ..., K + 1].
  Returns:
    uint8 [batch, ...]: the annotation where it covers the pixel; elsewhere the teacher's argmax over background and
    the organs that are *not* annotated, since an annotated organ is known to be absent there; IGNORE stays.
  """
  organs = tf.concat([tf.zeros_like(annotated[:, :1]), annotated[:, 1:]], axis=1)  # background is always possible
  shape = tf.concat([tf.shape(organs)[:1], tf.ones([len(teacher_logits.shape) - 2], tf.int32), tf.shape(organs)[1:]], 0)
  excluded = tf.reshape(organs, shape) > 0
  logits = tf.where(excluded, tf.constant(float("-inf"), teacher_logits.dtype), teacher_logits)
  guess = tf.argmax(logits, axis=-1, output_type=tf.int32)
  known = tf.cast(label, tf.int32)
  return tf.cast(tf.where(known != 0, known, guess), tf.uint8)


def forget(label, annotated):
  """The same examples without their annotation, for `--supervision=semi`; IGNORE stays.

  Returns:
    (label, annotated) as `complete` takes them.
  """
  return tf.where(label == IGNORE, label, tf.zeros_like(label)), tf.zeros_like(annotated)
