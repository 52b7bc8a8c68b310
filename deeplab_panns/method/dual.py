"""The dual variables ν, μ: what turns −log of a mean into something a mini-batch estimates without bias.

−log p = max over ν < 0 of ν p + log(−ν) + 1, reached at ν = −1/p. So the prior term of Eq. 3 is the maximum
of

  Σ_l  q_l [ν_l p̄_l + log(−ν_l) + 1] + (1 − q_l) [μ_l (1 − p̄_l) + log(−μ_l) + 1],

linear in p̄ once ν and μ are given. Algorithm 1 of the paper starts μ at +1/(1 − q), a misprint: log(−μ)
would not exist.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.arrays import Floats

FLOOR = 0.1  # of q: an organ that is no longer predicted pulls at most ten times as hard as one at its share


class Duals(tf.Module):
  """ν and μ, K + 1 each, and their two ascents.

  Attributes:
    prior: float32 [K + 1], q: the share of each class in the labelled set; where it moves, a variable, the
      running mean of what is expected of the batches.
    nu, mu: variables [K + 1], below 0; they start at −1/q and −1/(1 − q).
  """

  def __init__(self, prior: Sequence[float] | Floats, moving: bool = False, floor: str = "mean") -> None:
    """Starts ν and μ at their optimum for p̄ = q.

    Args:
      prior: [K + 1] shares above 0 and below 1 that sum to 1.
      moving: whether q follows what is expected of each batch.
      floor: as in an Objective: what of an organ newton keeps above FLOOR·q, its running mean u or the share
        of every batch. An organ that most batches lack lies below the floor in these, so that the floor of
        the batch raised u by up to a twelfth. Runs before 2026-11-26 have it.
    Raises:
      ValueError: If they are not.
    """
    super().__init__()
    q = np.asarray(prior, np.float64)
    if q.min() <= 0 or q.max() >= 1 or abs(q.sum() - 1) > 1e-4:
      raise ValueError(f"received prior={q.tolist()}; shares must be above 0, below 1, and sum to 1.")
    self.prior = (
      tf.Variable(q, dtype=tf.float32, trainable=False, name="prior")
      if moving
      else tf.constant(q, tf.float32)
    )
    self._floor = floor
    self.nu = tf.Variable(-1 / q, dtype=tf.float32, trainable=False, name="nu")
    self.mu = tf.Variable(-1 / (1 - q), dtype=tf.float32, trainable=False, name="mu")

  def value(self, share: tf.Tensor) -> tf.Tensor:
    """The saddle value Σ_l {...} above, without λ2.

    Args:
      share: float32 [K + 1], p̄.
    Returns:
      A scalar: at most −Σ q log p̄ + (1 − q) log(1 − p̄), and equal to it at the optimal ν, μ.
    """
    q = self.prior
    nu_part = q * (self.nu * share + tf.math.log(-self.nu) + 1)
    mu_part = (1 - q) * (self.mu * (1 - share) + tf.math.log(-self.mu) + 1)
    return tf.reduce_sum(nu_part + mu_part)

  def direct(self, share: tf.Tensor) -> tf.Tensor:
    """The prior term itself, −Σ q log p̄ + (1 − q) log(1 − p̄), for shares that are known exactly.

    The floor of the newton ascent holds here too, or the pull of an image without an organ would have no
    bound.

    Args:
      share: float32 [..., K + 1].
    Returns:
      float32 [...].
    """
    q = self.prior
    log_share, log_rest = (
      tf.math.log(tf.maximum(x, FLOOR * low)) for x, low in ((share, q), (1 - share, 1 - q))
    )
    return -tf.reduce_sum(q * log_share + (1 - q) * log_rest, axis=-1)

  def slope(self) -> tf.Tensor:
    """∂value/∂p̄ = qν − (1 − q)μ, float32 [K + 1]: zero at the start, whatever p̄ is."""
    return self.prior * self.nu - (1 - self.prior) * self.mu

  def ascend_printed(self, share: tf.Tensor, step_size: float | tf.Tensor, lambda2: float) -> None:
    """Gradient ascent as the paper prints it (`--dual_update=sgd`).

    At the paper's step it hardly moves: the curvature of ν is q/ν² ≈ q³.

    Args:
      share: float32 [K + 1], p̄.
      step_size: the paper's 2e-5.
      lambda2: the objective's weight, part of the gradient.
    """
    q = self.prior
    nu = self.nu + step_size * lambda2 * q * (share + 1 / self.nu)
    mu = self.mu + step_size * lambda2 * (1 - q) * (1 - share + 1 / self.mu)
    # p̄ and 1 − p̄ are at most 1, so the optimum is at most −1; a step too large stays in the domain
    self.nu.assign(tf.minimum(nu, -1.0))
    self.mu.assign(tf.minimum(mu, -1.0))

  def ascend_newton(
    self, share: tf.Tensor, step_size: float | tf.Tensor, expected: tf.Tensor | None = None
  ) -> None:
    """Ascent in u = −1/ν, where the optimum is u = p̄ (`--dual_update=newton`).

    u ← max((1 − η) u + η p̄, FLOOR·q). To first order this is gradient ascent preconditioned by ν²/q, the
    inverse curvature. ν stays negative without a clamp, and moves as fast for a liver as
    for an adrenal gland.

    Args:
      share: float32 [K + 1], p̄.
      step_size: η in [0, 1]; 0 changes nothing but rounding.
      expected: float32 [K + 1], summing to 1, the shares that this batch should have, where q moves: q goes
        as far towards them as u does towards p̄. Both means are then of the same batches, so that an organ
        seen at its expected size rests, however rare it is.
    """
    if expected is not None:
      self.prior.assign((1 - step_size) * self.prior + step_size * expected)
    self.nu.assign(self._newton(self.nu, share, self.prior, step_size))
    self.mu.assign(self._newton(self.mu, 1 - share, 1 - self.prior, step_size))

  def _newton(
    self, dual: tf.Tensor, share: tf.Tensor, prior: tf.Tensor, step_size: float | tf.Tensor
  ) -> tf.Tensor:
    low = FLOOR * prior
    if self._floor == "batch":
      return -1 / ((1 - step_size) * (-1 / dual) + step_size * tf.maximum(share, low))
    return -1 / tf.maximum((1 - step_size) * (-1 / dual) + step_size * share, low)
