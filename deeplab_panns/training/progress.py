"""What happens between the steps of a stage: scalars, validation, checkpoints, and the end at a NaN."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.replicas import value_of
from deeplab_panns.runs.checkpoints import FEWEST_LAST, Checkpoints
from deeplab_panns.runs.event_files import EventsNotWritten
from deeplab_panns.training.faults import Faults
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.scalars import Scalars
from deeplab_panns.training.step_display import StepDisplay
from deeplab_panns.training.validation import Validator


@dataclasses.dataclass(frozen=True)
class Intervals:
  """Steps between scalars, checkpoints and validations; each also comes at the last step of a stage.

  Attributes:
    kept: so many of the last checkpoints stay, at least 2.
    profile: (first, last) step to profile, counted from 1 over both stages; None profiles none.
  """

  log: int = 100
  checkpoint: int = 1000
  validation: int = 2000
  kept: int = FEWEST_LAST
  profile: tuple[int, int] | None = None


class Progress(tf.keras.callbacks.Callback):
  """Follows `fit` through one stage; `begin` names the stage's steps."""

  def __init__(
    self,
    display: StepDisplay,
    panns: PaNN,
    checkpoints: Checkpoints,
    scalars: Scalars,
    intervals: Intervals,
    validator: Validator,
    interruption: Interruption,
    faults: Faults,
  ):
    super().__init__()
    self._display = display
    self._panns, self._checkpoints, self._scalars = panns, checkpoints, scalars
    self._intervals, self._validator = intervals, validator
    self._interruption, self._faults = interruption, faults
    self._supports_tf_logs = True  # Keras then leaves the step's results on the device: no wait at each step

  def begin(self, first_step: int, last_step: int, has_partial: bool) -> None:
    """The next `fit` goes from `first_step` to `last_step`."""
    self._first, self._last, self._has_partial = first_step, last_step, has_partial
    self._scalars.start(first_step)
    self._display.begin(first_step)

  def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    step = self._first + batch + 1
    self._interruption.unsaved = True
    self._display.advance(step)
    self._checkpoints.require_no_failure()
    log, save, look = (
      step == self._last or step % interval == 0
      for interval in (self._intervals.log, self._intervals.checkpoint, self._intervals.validation)
    )
    save = save or look or self._interruption.requested
    if log or save:
      require_finite(self._panns, self._checkpoints)
    if log:
      self._log(step, look)
    if save:
      self._save(step, look)
    if save and self._interruption.requested:  # one that comes without a save waits for the next step
      self._checkpoints.wait()
      self._display.say(f"saved at step {step}")
      self._interruption.heed()
    if look:
      self.make_up_for_validation(step)
    if save:
      self._scalars.restart_clock(step)

  def make_up_for_validation(self, step: int) -> None:
    """Validates the network as it is after this step, which is saved: however the process ends meanwhile, the
    next one does it again."""
    validation = self._validator.validate()
    if not self._validator.held_out:
      self._scalars.write_pictures(step, validation.overlays)
      return
    self._scalars.write_validation(step, validation)
    self._checkpoints.save_if_best(step, validation.mean_dice)
    self._checkpoints.made_up_for(step)

  def _log(self, step: int, look: bool) -> None:
    try:
      values = self._scalars.write_step(step, self._has_partial)
    except EventsNotWritten:  # the disk of the checkpoints may be another
      self._save(step, look)
      raise
    self._display.show(step, values)

  def _save(self, step: int, look: bool) -> None:
    """Saves a step; one that is to be validated before that, which may take longer than a batch system
    waits."""
    self._faults.require_same_store()
    if look and self._validator.held_out:
      self._checkpoints.owe_validation(step)
    self._checkpoints.begin_save("last", step)
    self._interruption.unsaved = False


def require_finite(panns: PaNN, checkpoints: Checkpoints) -> None:
  """Raises InputError if the loss or the gradient of a step so far was not finite."""
  step = value_of(panns.first_bad_step)
  if step >= 0:
    last = checkpoints.latest()
    raise InputError(
      f"loss or gradient was not finite at step {step}; the last good checkpoint is {last or 'none yet'}: "
      "lower the learning rate of this stage and train into a new --run_dir."
    )
