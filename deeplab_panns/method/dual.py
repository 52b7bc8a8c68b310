"""The dual variables ν, μ: what turns −log of a mean into something a mini-batch estimates without bias.

−log p = max over ν < 0 of ν p + log(−ν) + 1, reached at ν = −1/p. So the prior term of Eq. 3 is the maximum
of

  Σ_l  q_l [ν_l p̄_l + log(−ν_l) + 1] + (1 − q_l) [μ_l (1 − p̄_l) + log(−μ_l) + 1],

linear in p̄ once ν and μ are given. Algorithm 1 of the paper starts μ at +1/(1 − q), a misprint: log(−μ)
would not exist.
"""

import numpy as np
import tensorflow as tf

FLOOR = 0.1  # of q: caps the pull on an organ that vanished from the prediction at ten times the normal


class Duals(tf.Module):
  """ν and μ, K + 1 each, and their two ascents.

  Attributes:
    prior: float32 [K + 1], q: the share of each class in the labelled set.
    nu, mu: variables [K + 1], below 0; they start at −1/q and −1/(1 − q).
  """

  def __init__(self, prior):
    """Args: prior: [K + 1] shares above 0 and below 1 that sum to 1. Raises ValueError if not."""
    super().__init__()
    prior = np.asarray(prior, np.float64)
    if prior.min() <= 0 or prior.max() >= 1 or abs(prior.sum() - 1) > 1e-4:
      raise ValueError(f"received prior={prior.tolist()}; shares must be above 0, below 1, and sum to 1.")
    self.prior = tf.constant(prior, tf.float32)
    self.nu = tf.Variable(-1 / prior, dtype=tf.float32, trainable=False, name="nu")
    self.mu = tf.Variable(-1 / (1 - prior), dtype=tf.float32, trainable=False, name="mu")

  def value(self, share):
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

  def direct(self, share):
    """−Σ q log p̄ + (1 − q) log(1 − p̄), the prior term itself, of shares [..., K + 1] known exactly: [...].

    The floor of the newton ascent holds here too, or an image without an organ would pull without end.
    """
    q = self.prior
    log_share, log_rest = (
      tf.math.log(tf.maximum(x, FLOOR * low)) for x, low in ((share, q), (1 - share, 1 - q))
    )
    return -tf.reduce_sum(q * log_share + (1 - q) * log_rest, axis=-1)

  def slope(self):
    """∂value/∂p̄ = qν − (1 − q)μ, [K + 1]: zero at the start, whatever p̄ is."""
    return self.prior * self.nu - (1 - self.prior) * self.mu

  def ascend_printed(self, share, step_size, lambda2):
    """Gradient ascent as the paper prints it (`--dual_update=sgd`).

    Moves next to nothing at the paper's step: the curvature of ν is q/ν² ≈ q³.

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

  def ascend_newton(self, share, step_size):
    """Ascent in u = −1/ν, where the optimum is u = p̄ (`--dual_update=newton`).

    u ← (1 − η) u + η max(p̄, FLOOR·q): to first order gradient ascent preconditioned by ν²/q, the inverse
    curvature; always negative ν, no clamp, and the same speed for a liver and an adrenal gland.

    Args:
      share: float32 [K + 1], p̄.
      step_size: η in (0, 1].
    """
    self.nu.assign(_newton(self.nu, share, self.prior, step_size))
    self.mu.assign(_newton(self.mu, 1 - share, 1 - self.prior, step_size))


def _newton(dual, share, prior, step_size):
  target = tf.maximum(share, FLOOR * prior)
  return -1 / ((1 - step_size) * (-1 / dual) + step_size * target)
