"""What a run writes to TensorBoard, under fixed names."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from data.arrays import Picture
from data.organs import tag
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.prior import Prior, kl_divergence
from deeplab_panns.method.schedules import TwoStages
from deeplab_panns.runs.event_files import written
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.training.validation import Validation


class Scalars:
  """Writes scalars and pictures of a run; means are over the steps since the last writing."""

  def __init__(
    self, folder: pathlib.Path, panns: PaNN, rates: TwoStages, prior: Prior, experiment: Experiment
  ):
    """Args:
    rates: the learning rate of Θ as a function of the step.
    """
    self._folder = folder
    self._writer = tf.summary.create_file_writer(str(folder))
    self._panns, self._rates, self._prior = panns, rates, prior
    self._names = [tag(name) for name in prior.classes]
    self._batch_size = experiment.batch_size
    self._objective = experiment.stage2.objective
    self._since = (time.monotonic(), 0)

  def restart_clock(self, step: int) -> None:
    """The clock of the throughput starts here: validation and checkpoints between two looks do not count."""
    self._since = (time.monotonic(), step)

  def start(self, step: int) -> None:
    """The next interval starts here: its clock, and its means."""
    self.restart_clock(step)
    for metric in (*self._panns.tracked.values(), self._panns.tracked_share):
      metric.reset_state()

  def write_step(self, step: int, has_partial: bool) -> dict[str, float]:
    """Writes losses, prior, rates and throughput up to a step, and starts the next interval.

    Returns:
      {"loss/labeled": ..., ...} as written, for the line on the terminal.
    """
    begun, first = self._since
    values = {
      "loss/labeled": self._panns.tracked["loss/labeled"].result(),
      "gradient/norm": self._panns.tracked["gradient/norm"].result(),
      # of the step just taken, whose number is one less than the count
      "learning_rate/theta": self._rates(step - 1),
      "throughput/images_per_second": (step - first) * self._batch_size / max(time.monotonic() - begun, 1e-9),
    }
    if has_partial:
      values.update(self._prior_values())
    values = {name: float(value) for name, value in values.items()}
    self._write(step, values)
    self.start(step)
    return values

  def _prior_values(self) -> dict[str, Any]:
    panns, share = self._panns, self._panns.tracked_share.result().numpy()
    newton = self._objective.dual_update == "newton"
    # an anchored prior moves with what is expected of the batches
    held_to = panns.duals.prior.numpy() if self._objective.anchored_prior else self._prior.target
    values = {
      "loss/partial": panns.tracked["loss/partial"].result(),
      "loss/prior": panns.tracked["loss/prior"].result(),
      "prior/kl": kl_divergence(held_to, share),
      "learning_rate/dual": self._objective.dual_step if newton else self._objective.learning_rate_dual,
    }
    for kind, vector in (
      ("nu", panns.duals.nu.numpy()),
      ("mu", panns.duals.mu.numpy()),
      ("p_bar", share),
      ("q", held_to),
    ):
      values.update({f"prior/{kind}/{name}": value for name, value in zip(self._names, vector)})
    return values

  def write_validation(self, step: int, validation: Validation) -> None:
    """Writes the Dice of each organ, their mean, and the pictures."""
    values = {
      f"validation/dice/{tag(organ)}": dice for organ, dice in validation.dice.items() if dice == dice
    }
    values["validation/dice/mean"] = validation.mean_dice
    self._write(step, values)
    self.write_pictures(step, validation.overlays)

  def write_pictures(self, step: int, overlays: Picture) -> None:
    """Args:
    overlays: uint8 [pictures, height, width, 3].
    """
    with self._written():
      tf.summary.image("overlay/image_reference_prediction", overlays, step=step, max_outputs=len(overlays))

  def _write(self, step: int, values: dict[str, float]) -> None:
    with self._written():
      for name, value in values.items():
        tf.summary.scalar(name, value, step=step)

  @contextlib.contextmanager
  def _written(self) -> Iterator[None]:
    with written(self._folder):
      with self._writer.as_default():
        yield
      self._writer.flush()
