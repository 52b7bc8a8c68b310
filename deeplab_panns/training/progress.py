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
from deeplab_panns.training.validation import Validation, Validator


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
    log, save, look = (
      step == self._last or step % interval == 0
      for interval in (self._intervals.log, self._intervals.checkpoint, self._intervals.validation)
    )
    if log or save or look:
      require_finite(self._panns, self._checkpoints)
    try:
      if log:
        self._display.show(step, self._scalars.write_step(step, self._has_partial))
      if look:
        self._validate(step)
    except (KeyboardInterrupt, EventsNotWritten):
      self._save_to_end(step, look)
      raise
    if save:
      self._save(step)
    if self._interruption.requested:
      if not save:
        require_finite(self._panns, self._checkpoints)
        self._save_to_end(step)
      self._interruption.heed()
    if look or save:
      self._scalars.start(step)

  def make_up_for_validation(self, step: int) -> None:
    """Validates as this step would have done, had it not been interrupted, and saves the result."""
    self._write_validation(step, self._validator.validate())
    self._checkpoints.made_up_for(step)

  def _save_to_end(self, step: int, owes_validation: bool = False) -> None:
    if owes_validation:
      self._checkpoints.owe_validation(step)
    self._save(step)
    self._display.say(f"saved at step {step}")

  def _save(self, step: int) -> None:
    self._faults.require_same_store()
    self._checkpoints.save("last", step)
    self._interruption.unsaved = False

  def _validate(self, step: int) -> None:
    # it may take longer than a batch system waits, and can be done again
    with self._interruption.at_once():
      validation = self._validator.validate()
    self._write_validation(step, validation)

  def _write_validation(self, step: int, validation: Validation) -> None:
    if not self._validator.held_out:
      self._scalars.write_pictures(step, validation.overlays)
      return
    self._scalars.write_validation(step, validation)
    self._checkpoints.save_if_best(step, validation.mean_dice)


def require_finite(panns: PaNN, checkpoints: Checkpoints) -> None:
  """Raises InputError if the loss or the gradient of a step so far was not finite."""
  step = value_of(panns.first_bad_step)
  if step >= 0:
    last = checkpoints.latest()
    raise InputError(
      f"loss or gradient was not finite at step {step}; the last good checkpoint is {last or 'none yet'}: "
      "lower the learning rate of this stage and train into a new --run_dir."
    )
