"""Learning rate of the weights Θ over both stages."""
import tensorflow as tf


class TwoStages(tf.keras.optimizers.schedules.LearningRateSchedule):
  """Stage 1, then stage 2 with a clock of its own.

  `poly`: rate · (1 − step of the stage / steps of the stage)^0.9, the paper's 2-D policy; `constant` its 3-D one.
  """

  def __init__(self, rates, steps, policy):
    """Args: rates, steps: of stage 1 and 2. policy: "poly" or "constant". Raises ValueError for another policy."""
    super().__init__()
    if policy not in ("poly", "constant"):
      raise ValueError(f'received policy="{policy}"; must be "poly" or "constant".')
    self._rates, self._steps, self._policy = rates, steps, policy

  def __call__(self, step):
    step = tf.cast(step, tf.float32)
    first, second = map(float, self._steps)
    in_second = step >= first
    rate = tf.where(in_second, self._rates[1], self._rates[0])
    if self._policy == "constant":
      return rate
    done = tf.where(in_second, (step - first) / max(second, 1.0), step / max(first, 1.0))
    return rate * tf.maximum(1.0 - done, 0.0) ** 0.9

  def get_config(self):
    return {"rates": self._rates, "steps": self._steps, "policy": self._policy}
