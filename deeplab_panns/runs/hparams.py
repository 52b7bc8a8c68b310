"""TensorBoard's HParams tab: the settings of a run, and the scores by which runs are compared there."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from deeplab_panns.runs.event_files import written
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.flat_settings import show, to_flat

# The columns of the tab; without this list it shows every scalar.
_METRICS = ("evaluation/test/dice/mean", "evaluation/val/dice/mean", "validation/dice/mean", "loss/labeled")


def write_settings(events: pathlib.Path, experiment: Experiment, name: str) -> None:
  """Writes the settings of a run, in the spelling of the flags.

  Args:
    events: the run's folder of events.
    name: of the run.
  Raises:
    EventsNotWritten: If the disk is full.
  """
  settings = {setting: _shown(value) for setting, value in to_flat(experiment).items()}
  with written(events), tf.summary.create_file_writer(str(events)).as_default() as writer:
    api.hparams_config(
      hparams=[api.HParam(setting) for setting in settings], metrics=[api.Metric(tag) for tag in _METRICS]
    )
    api.hparams(settings, trial_id=name)
    writer.flush()


def write_score(events: pathlib.Path, split: str, mean_dice: float, step: int) -> None:
  """Writes the score of an evaluation.

  Args:
    events: the run's folder of events.
    split: of the store, "test" or "val".
    step: of the checkpoint that was scored.
  Raises:
    EventsNotWritten: If the disk is full.
  """
  with written(events), tf.summary.create_file_writer(str(events)).as_default() as writer:
    tf.summary.scalar(f"evaluation/{split}/dice/mean", mean_dice, step=step)
    writer.flush()


def _shown(value: Any) -> bool | int | float | str:
  return value if isinstance(value, (bool, int, float, str)) else show(value)
