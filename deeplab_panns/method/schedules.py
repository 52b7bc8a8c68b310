"""Learning rate of the weights Θ over both stages."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

POLICIES = ("poly", "constant")


class TwoStages(tf.keras.optimizers.schedules.LearningRateSchedule):
  """The learning rate of stage 1, then that of stage 2, which counts its steps from 0 again.

  `poly` is rate · (1 − step of the stage / steps of the stage)^0.9, the paper's policy in 2-D; `constant` is
  its policy in 3-D. Over its first `warmup_steps` stage 2 rises to its rate linearly. The paper has no such
  rise. Where partial images look unlike the labelled ones, the first steps at the full rate would change the
  weights too much (measured in experiments/README.md, real CT in 3-D).
  """

  def __init__(
    self, rates: tuple[float, float], steps: tuple[int, int], policy: str, warmup_steps: int = 0
  ) -> None:
    """Checks the policy.

    Args:
      rates: of stage 1 and stage 2.
      steps: of stage 1 and stage 2.
      policy: one of POLICIES.
      warmup_steps: of stage 2.
    Raises:
      ValueError: If the policy is another.
    """
    super().__init__()
    if policy not in POLICIES:
      raise ValueError(f"policy={policy}: must be one of {', '.join(POLICIES)}")
    self._rates, self._steps, self._policy, self._warmup_steps = rates, steps, policy, warmup_steps

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    """The float32 learning rate at `step`, an integer scalar counted from 0 over both stages."""
    step = tf.cast(step, tf.float32)
    first, second = map(float, self._steps)
    in_second = step >= first
    rate = tf.where(in_second, self._rates[1], self._rates[0])
    if self._warmup_steps:
      rate *= tf.where(in_second, tf.minimum((step - first + 1) / self._warmup_steps, 1.0), 1.0)
    if self._policy == "constant":
      return rate
    done = tf.where(in_second, (step - first) / max(second, 1.0), step / max(first, 1.0))
    return rate * tf.maximum(1.0 - done, 0.0) ** 0.9

  def get_config(self) -> dict[str, Any]:
    return {
      "rates": self._rates,
      "steps": self._steps,
      "policy": self._policy,
      "warmup_steps": self._warmup_steps,
    }
