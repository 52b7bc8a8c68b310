"""The progress of a process that is not the chief: it trains along, and ends where the chief ends."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from deeplab_panns.method.panns import PaNN
from deeplab_panns.runs.checkpoints import Checkpoints
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.progress import Intervals, require_finite


class Follower(tf.keras.callbacks.Callback):
  """Looks whether all is finite at the steps at which the chief looks; writes and shows nothing.

  A signal to this process alone is only noted: a replica that leaves takes the step of all others with it.
  The chief heeds its own, and saves.
  """

  def __init__(self, panns: PaNN, checkpoints: Checkpoints, intervals: Intervals, interruption: Interruption):
    super().__init__()
    self._panns, self._checkpoints = panns, checkpoints
    self._intervals, self._interruption = intervals, interruption
    self._supports_tf_logs = True

  def begin(self, first_step: int, last_step: int, has_partial: bool) -> None:
    """The next `fit` goes from `first_step` to `last_step`."""
    self._first, self._last = first_step, last_step

  def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    step = self._first + batch + 1
    self._interruption.unsaved = True
    intervals = (self._intervals.log, self._intervals.checkpoint, self._intervals.validation)
    if step == self._last or any(step % interval == 0 for interval in intervals):
      require_finite(self._panns, self._checkpoints)

  def make_up_for_validation(self, step: int) -> None:
    """The chief validates alone."""
