"""What happens between the steps of a stage: scalars, validation, checkpoints, and the end at a NaN."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.method.panns import PaNN
from deeplab_panns.runs.checkpoints import Checkpoints
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.scalars import Scalars
from deeplab_panns.training.validation import Validator


@dataclasses.dataclass(frozen=True)
class Intervals:
  """Steps between scalars, checkpoints and validations; each also comes at the last step of a stage."""

  log: int = 100
  checkpoint: int = 1000
  validation: int = 2000


class Progress(tf.keras.callbacks.Callback):
  """Follows `fit` through one stage; `begin` names the stage's steps."""

  def __init__(
    self,
    name: str,
    panns: PaNN,
    checkpoints: Checkpoints,
    scalars: Scalars,
    intervals: Intervals,
    validator: Validator,
    interruption: Interruption,
  ):
    """Args: name: stands before every line, so that runs side by side can be told apart."""
    super().__init__()
    self._name = name
    self._panns, self._checkpoints, self._scalars = panns, checkpoints, scalars
    self._intervals, self._validator = intervals, validator
    self._interruption = interruption
    self._supports_tf_logs = True  # Keras then leaves the step's results on the device: no wait at each step

  def begin(self, first_step: int, last_step: int, has_partial: bool) -> None:
    """The next `fit` goes from `first_step` to `last_step`."""
    self._first, self._last, self._has_partial = first_step, last_step, has_partial
    self._scalars.start(first_step)

  def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    step = self._first + batch + 1
    log, save, look = (
      step == self._last or step % interval == 0
      for interval in (self._intervals.log, self._intervals.checkpoint, self._intervals.validation)
    )
    if log or save or look:
      self._require_finite()
    if log:
      self._print(step, self._scalars.write_step(step, self._has_partial))
    if look:
      self._validate(step)
    if save:
      self._checkpoints.save("last", step)
    if self._interruption.requested:
      self._save_and_end(step, saved=save)
    if look or save:
      self._scalars.start(step)

  def _save_and_end(self, step: int, saved: bool) -> None:
    self._require_finite()
    if not saved:
      self._checkpoints.save("last", step)
    print(f"{self._name}: interrupted; saved at step {step}", flush=True)
    raise KeyboardInterrupt

  def _require_finite(self) -> None:
    step = int(self._panns.first_bad_step)
    if step >= 0:
      last = self._checkpoints.latest()
      raise InputError(
        f"the loss was not finite at step {step}; the last good checkpoint is {last or 'none yet'}: "
        "lower the learning rate of this stage and train into a new --run_dir."
      )

  def _validate(self, step: int) -> None:
    validation = self._validator.validate()
    if not self._validator.held_out:
      self._scalars.write_pictures(step, validation.overlays)
      return
    self._scalars.write_validation(step, validation)
    self._checkpoints.save_if_best(step, validation.mean_dice)

  def _print(self, step: int, values: dict[str, float]) -> None:
    shown = {"J_L": "loss/labeled", "J_P": "loss/partial", "prior": "loss/prior", "KL": "prior/kl"}
    losses = "  ".join(f"{name} {values[key]:.4f}" for name, key in shown.items() if key in values)
    print(
      f"{self._name}: step {step:>6}  {losses}  {values['throughput/images_per_second']:.1f} images/s",
      flush=True,
    )
