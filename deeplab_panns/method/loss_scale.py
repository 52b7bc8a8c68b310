"""The factor on the loss that keeps float16 gradients from vanishing.

P. Micikevicius et al., "Mixed precision training", 2018. float16 ends at 6e-8 below: the gradients of most
pixels are smaller, divided as they are by the pixels of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class LossScale(tf.Module):
  """A power of two: halved whenever a gradient overflows, doubled after PATIENCE steps in which none did.

  Powers of two change no digit of what they scale. The step of an overflow takes a gradient of zero: momentum
  alone moves the weights, and steps and batches stay in pace.

  Attributes:
    scale: float32 variable, at least 1.
    good_steps: int64 variable, steps since the scale last changed.
  """

  FIRST = 2.0**15
  LARGEST = 2.0**24
  PATIENCE = 2000

  def __init__(self) -> None:
    super().__init__()
    self.scale = tf.Variable(self.FIRST, trainable=False, name="loss_scale")
    self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="good_steps")

  def scaled(self, loss: tf.Tensor) -> tf.Tensor:
    """What to differentiate: a float32 scalar."""
    return loss * self.scale

  def unscaled(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The gradients of the loss from those of the scaled loss."""
    return [gradient / self.scale for gradient in gradients]

  def exhausted(self) -> tf.Tensor:
    """bool scalar: whether no smaller scale is left to try."""
    return self.scale <= 1.0

  def follow(self, usable: tf.Tensor) -> None:
    """Moves the scale by one step.

    Args:
      usable: bool scalar, the same on all replicas: whether the gradients were finite.
    """
    good = tf.where(usable, self.good_steps + 1, 0)
    double = good >= self.PATIENCE
    raised = tf.where(double, tf.minimum(self.scale * 2, self.LARGEST), self.scale)
    self.scale.assign(tf.where(usable, raised, tf.maximum(self.scale / 2, 1.0)))
    self.good_steps.assign(tf.where(double, tf.zeros_like(good), good))
