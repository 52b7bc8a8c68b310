"""Dropout whose mask is a pure function of (seed, step, position of the example in the global batch).

So a run that restarts at step k drops what the uninterrupted run dropped, and splitting a batch over replicas
changes nothing. Keras' own Dropout draws from a state that no checkpoint holds.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

_active = threading.local()  # replicas are traced in threads of their own


class _Stream(NamedTuple):
  seed: int | tf.Tensor
  step: int | tf.Tensor
  positions: Sequence[int] | tf.Tensor | None


@contextlib.contextmanager
def dropout_stream(
  seed: int | tf.Tensor, step: int | tf.Tensor, positions: Sequence[int] | tf.Tensor | None = None
) -> Iterator[None]:
  """Fixes the masks of every `StatelessDropout` called inside; enter it within the replica's own step.

  Args:
    seed: The run's seed: integer or integer scalar tensor.
    step: The training step, likewise.
    positions: int [batch], the position of each example in the global batch; None: 0, 1, 2, …
  """
  outer = getattr(_active, "stream", None)
  _active.stream = _Stream(seed, step, positions)
  try:
    yield
  finally:
    _active.stream = outer


@tf.keras.utils.register_keras_serializable(package="panns")
class StatelessDropout(tf.keras.layers.Layer):
  """Dropout with the masks of the surrounding `dropout_stream`; without one, ordinary dropout.

  Meant for one layer in each network: two of the same shape would drop the same features.
  """

  def __init__(self, rate: float, **kwargs: Any) -> None:
    super().__init__(**kwargs)
    if not 0 <= rate < 1:
      raise ValueError(f"{self.name}: received rate={rate}; it must lie in [0, 1).")
    self.rate = rate

  def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
    if not training or not self.rate:
      return inputs
    stream: _Stream | None = getattr(_active, "stream", None)
    if stream is None:
      return tf.nn.dropout(inputs, self.rate)
    kept = keep_masks(inputs, self.rate, stream.seed, stream.step, stream.positions)
    return tf.where(kept, inputs / (1 - self.rate), tf.zeros([], inputs.dtype))

  def get_config(self) -> dict[str, Any]:
    return {**super().get_config(), "rate": self.rate}


def keep_masks(
  examples: tf.Tensor,
  rate: float,
  seed: int | tf.Tensor,
  step: int | tf.Tensor,
  positions: Sequence[int] | tf.Tensor | None = None,
) -> tf.Tensor:
  """bool, shaped like `examples` [batch, ...]: True with probability 1 - rate.

  Every example has a seed of its own, so its mask depends neither on the batch's size nor on the other
  examples. `seed`, `step` and `positions` are those of `dropout_stream`.
  """
  positions = tf.range(tf.shape(examples)[0]) if positions is None else tf.convert_to_tensor(positions)
  of_step = tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64)])
  shape = tf.shape(examples)[1:]

  def keep(position: tf.Tensor) -> tf.Tensor:
    of_example = tf.random.experimental.stateless_fold_in(of_step, tf.cast(position, tf.int64))
    return tf.random.stateless_uniform(shape, of_example) >= rate

  masks = tf.map_fn(keep, positions, fn_output_signature=tf.bool)
  return tf.ensure_shape(masks, examples.shape)
