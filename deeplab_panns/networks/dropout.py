"""Dropout whose mask is a pure function of (seed, step, place of the example in the global batch).

So a run that restarts at step k drops what the uninterrupted run dropped, and splitting a batch over replicas
changes nothing. Keras' own Dropout draws from a state that no checkpoint holds.
"""

import contextlib
import threading

import tensorflow as tf

_active = threading.local()  # replicas are traced in threads of their own


@contextlib.contextmanager
def dropout_stream(seed, step, places=None):
  """Fixes the masks of every `StatelessDropout` called inside; enter it within the replica's own step.

  Args:
    seed: The run's seed: integer or integer scalar tensor.
    step: The training step, likewise.
    places: int [batch], the place of each example in the global batch; None: 0, 1, 2, …
  """
  outer = getattr(_active, "stream", None)
  _active.stream = (seed, step, places)
  try:
    yield
  finally:
    _active.stream = outer


@tf.keras.utils.register_keras_serializable(package="panns")
class StatelessDropout(tf.keras.layers.Layer):
  """Dropout, drawn from the surrounding `dropout_stream`; without one, ordinary dropout.

  Meant for one layer per network: two of the same shape would drop the same places.
  """

  def __init__(self, rate, **kwargs):
    super().__init__(**kwargs)
    if not 0 <= rate < 1:
      raise ValueError(f"{self.name}: received rate={rate}; it must lie in [0, 1).")
    self.rate = rate

  def call(self, inputs, training=None):
    if not training or not self.rate:
      return inputs
    stream = getattr(_active, "stream", None)
    if stream is None:
      return tf.nn.dropout(inputs, self.rate)
    kept = keep_masks(inputs, self.rate, *stream)
    return tf.where(kept, inputs / (1 - self.rate), tf.zeros([], inputs.dtype))

  def get_config(self):
    return {**super().get_config(), "rate": self.rate}


def keep_masks(examples, rate, seed, step, places=None):
  """bool, shaped like `examples` [batch, ...]: True with probability 1 - rate.

  Every example has a seed of its own, so its mask depends neither on the batch's size nor on its fellows.
  """
  places = tf.range(tf.shape(examples)[0]) if places is None else tf.convert_to_tensor(places)
  of_step = tf.stack([tf.cast(seed, tf.int64), tf.cast(step, tf.int64)])
  shape = tf.shape(examples)[1:]

  def keep(place):
    of_example = tf.random.experimental.stateless_fold_in(of_step, tf.cast(place, tf.int64))
    return tf.random.stateless_uniform(shape, of_example) >= rate

  masks = tf.map_fn(keep, places, fn_output_signature=tf.bool)
  return tf.ensure_shape(masks, examples.shape)
