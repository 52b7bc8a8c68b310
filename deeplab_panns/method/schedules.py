"""Learning rate of the weights Θ over both stages."""

import tensorflow as tf


class TwoStages(tf.keras.optimizers.schedules.LearningRateSchedule):
  """Stage 1, then stage 2 with a clock of its own.

  `poly`: rate · (1 − step of the stage / steps of the stage)^0.9, the paper's 2-D policy; `constant` its 3-D
  one. Over its first `warmup_steps` stage 2 rises to that linearly. The paper has no such rise. Where partial
  images look unlike the labelled ones, the first full steps throw the weights about (measured in
  experiments/README.md, real CT in 3-D).
  """

  def __init__(self, rates, steps, policy, warmup_steps=0):
    """Args: rates, steps: of stage 1 and 2. policy: "poly" or "constant". Raises ValueError for another
    policy."""
    super().__init__()
    if policy not in ("poly", "constant"):
      raise ValueError(f'received policy="{policy}"; must be "poly" or "constant".')
    self._rates, self._steps, self._policy, self._warmup_steps = rates, steps, policy, warmup_steps

  def __call__(self, step):
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

  def get_config(self):
    return {
      "rates": self._rates,
      "steps": self._steps,
      "policy": self._policy,
      "warmup_steps": self._warmup_steps,
    }
