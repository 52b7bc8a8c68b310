"""A TensorBoard profile of some steps."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf


class Profile(tf.keras.callbacks.Callback):
  """Records the operations of the steps from `first` to `last` into `folder`/plugins/profile.

  A `fit` that ends between the two ends the profile: the other stage is another graph.
  """

  def __init__(self, folder: pathlib.Path, steps: tuple[int, int]):
    """Args:
    steps: (first, last), counted from 1 over both stages.
    """
    super().__init__()
    self._folder = folder
    self._first, self._last = steps
    self._done = 0
    self._recording = False
    self._supports_tf_logs = True

  def from_step(self, done: int) -> Profile:
    """The next `fit` begins after so many steps."""
    self._done = done
    return self

  def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    if self._done + batch + 1 == self._first:
      tf.profiler.experimental.start(str(self._folder))
      self._recording = True

  def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    if self._done + batch + 1 == self._last:
      self.on_train_end()

  def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
    if self._recording:
      self._recording = False
      tf.profiler.experimental.stop()
