"""Pseudo-labels: what the partial images are trained on where nobody annotated them (Eq. 5)."""

from __future__ import annotations

import tensorflow as tf

from data.arrays import Floats
from data.organs import IGNORE
from deeplab_panns.method.losses import over_pixels

ATLAS_SHARE = 0.95  # of what is expected at a pixel; the rest is q


def complete(label: tf.Tensor, annotated: tf.Tensor, teacher_logits: tf.Tensor) -> tf.Tensor:
  """Fills the gaps of partial label maps with the teacher's choice.

  Args:
    label: uint8 [batch, ...]: an annotated organ's class, 0 where none is, IGNORE where the pixel does not
      count.
    annotated: float [batch, K + 1], 1 for the classes that the label map holds.
    teacher_logits: float [batch, ..., K + 1].
  Returns:
    uint8 [batch, ...]: the annotation where it covers the pixel; elsewhere the teacher's argmax over
    background and the organs that are *not* annotated, since an annotated organ is known to be absent there;
    IGNORE stays.
  """
  guess = tf.argmax(_possible(annotated, teacher_logits), axis=-1, output_type=tf.int32)
  known = tf.cast(label, tf.int32)
  return tf.cast(tf.where(known != 0, known, guess), tf.uint8)


def complete_softly(label: tf.Tensor, annotated: tf.Tensor, teacher_logits: tf.Tensor) -> tf.Tensor:
  """As `complete`, with the teacher's probabilities in place of its choice.

  A hard choice turns pixels that the teacher is unsure of into background, so the network unlearns small
  organs. Probabilities keep the share that the teacher gives them.

  Returns:
    float32 [batch, ..., K + 1] that sums to 1: one class where the annotation covers the pixel; elsewhere the
    softmax over background and the organs that are not annotated. Pixels of IGNORE hold that softmax too;
    the loss must give them no weight.
  """
  guess = tf.nn.softmax(tf.cast(_possible(annotated, teacher_logits), tf.float32))
  covered = tf.logical_and(label != 0, label != IGNORE)
  known = tf.one_hot(tf.where(covered, tf.cast(label, tf.int32), 0), teacher_logits.shape[-1])
  return tf.where(covered[..., None], known, guess)


def log_of(share: tf.Tensor) -> tf.Tensor:
  """Shares as logits that `complete_softly` takes: their logarithm, of at least one in a million."""
  return tf.math.log(tf.maximum(share, 1e-6))


def by_atlas(teacher_logits: tf.Tensor, expected: tf.Tensor, prior: tf.Tensor, weight: float) -> tf.Tensor:
  """The teacher's logits moved towards what the atlas expects at each pixel.

  Adds weight · log(A / q): Bayes' rule with a weight, where the teacher had learned under the shares q. A
  twentieth of A is q itself, so that no class is ruled out by more than log 20 nats times the weight.

  Args:
    teacher_logits, expected: float [n, ..., K + 1].
    prior: [K + 1], q.
    weight: κ; 0 changes nothing.
  """
  ratio = ATLAS_SHARE * expected / prior + (1 - ATLAS_SHARE)
  return teacher_logits + tf.cast(weight * tf.math.log(ratio), teacher_logits.dtype)


def _possible(annotated: tf.Tensor, teacher_logits: tf.Tensor) -> tf.Tensor:
  """The logits, −inf where the organ is annotated: beyond its annotation it is known to be absent."""
  # background is always possible
  organs = tf.concat([tf.zeros_like(annotated[:, :1]), annotated[:, 1:]], axis=1)
  excluded = over_pixels(organs, teacher_logits) > 0
  return tf.where(excluded, tf.constant(float("-inf"), teacher_logits.dtype), teacher_logits)


def forget(label: tf.Tensor, annotated: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """The same examples without their annotation, for `--supervision=semi`; IGNORE stays.

  Returns:
    `label` and `annotated`, as `complete` takes them.
  """
  return tf.where(label == IGNORE, label, tf.zeros_like(label)), tf.zeros_like(annotated)


class Alignment(tf.Module):
  """Shifts the teacher's logits so that its pseudo-labels have the sizes that are expected of them.

  Each class has an offset that rises while the class's share of the pseudo-labels lies below what is expected
  and falls while it lies above: b ← b + step · log(expected / share). Where they are equal it rests.

  This is the usual correction for a shifted prior, log q − log p̄, repeated until the *argmax* gives the right
  sizes. To hold pseudo-labels to the shares of a labelled set is the idea of DARS (He et al.,
  "Re-distributing biased pseudo labels for semi-supervised semantic segmentation", ICCV 2021), which leaves
  out pixels until the shares are right, where here the choice itself moves and every pixel counts. To hold
  them to the teacher's own mean probabilities, which need no labelled set like theirs, is near to RDA (Duan
  et al., 2022).

  Both shares are means over the same batches. An organ is absent from most of them, and the log of a mean
  over a few is below the log of the mean over all; in the ratio of two such means this cancels.

  Attributes:
    classes: K + 1.
    prior: float32 [K + 1], q.
    offset: float32 variable [K + 1], b in nats; 0 for background.
    share: float32 variable [K + 1], the running mean of the pseudo-labels' shares.
    expected: float32 [K + 1], what the share is held to: q, or a variable, the running mean of what is
      expected of the batches.
  """

  STEP = 0.02
  LARGEST = 4.0  # of an offset, in nats: a class that is never seen must not flood the image
  # Of the mean shares. STEP times the ten steps of memory is small enough that the offsets do not swing.
  SHARE_DECAY = 0.9

  def __init__(self, prior: Floats, moving: bool = False) -> None:
    """Starts with offsets of 0.

    Args:
      prior: [K + 1] shares above 0 that sum to 1.
      moving: whether `follow` is told what to expect of each batch.
    """
    super().__init__()
    self.classes = len(prior)
    self.prior = tf.constant(prior, tf.float32)
    self.offset = tf.Variable(tf.zeros(len(prior)), trainable=False, name="offset")
    self.share = tf.Variable(self.prior, trainable=False, name="share")
    self.expected = tf.Variable(self.prior, trainable=False, name="expected") if moving else self.prior

  def shift(self, teacher_logits: tf.Tensor) -> tf.Tensor:
    """The logits [..., K + 1] plus the offsets."""
    return teacher_logits + tf.cast(self.offset, teacher_logits.dtype)

  def follow(self, counts: tf.Tensor, expected: tf.Tensor | None = None) -> None:
    """Moves the offsets by one step.

    Args:
      counts: float32 [K + 1], pixels of each class among a batch's pseudo-labels. If all are 0, the offsets
        stay as they are.
      expected: float32 [K + 1], how many pixels of each class should be among them, where that moves.
    """
    total = tf.reduce_sum(counts)
    self.share.assign(self._mean(self.share, counts, total))
    if expected is not None:
      self.expected.assign(self._mean(self.expected, expected, total))
    wanted = tf.maximum(self.expected, 1e-8)
    excess = tf.math.log(tf.maximum(self.share, 0.05 * wanted) / wanted)
    offset = self.offset - self.STEP * excess
    offset -= offset[0]  # background's stays 0: only differences count
    self.offset.assign(
      tf.where(total > 0, tf.clip_by_value(offset, -self.LARGEST, self.LARGEST), self.offset)
    )

  def _mean(self, mean: tf.Tensor, pixels: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    moved = self.SHARE_DECAY * mean + (1 - self.SHARE_DECAY) * (pixels / tf.maximum(total, 1.0))
    return tf.where(total > 0, moved, mean)
