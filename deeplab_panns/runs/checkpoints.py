"""Checkpoints of a run: `last` to go on from, `stage1` to share, `best` of the validation."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.method.panns import PaNN

KINDS = ("last", "best", "stage1")


class Checkpoints:
  """Saves and restores network, teacher, optimizer (its iterations are the step) and dual variables."""

  def __init__(self, panns: PaNN, folder: pathlib.Path):
    # saved too, or a resumed run would call its first validation the best
    self._best_dice = tf.Variable(-1.0, trainable=False, name="best_dice")
    self._checkpoint = tf.train.Checkpoint(
      network=panns.network,
      teacher=panns.teacher,
      optimizer=panns.optimizer,
      duals=panns.duals,
      alignment=panns.alignment,
      best_dice=self._best_dice,
    )
    # two of `last`: the one before stays whole while the next is written
    self._managers = {
      kind: tf.train.CheckpointManager(
        self._checkpoint, str(folder / kind), max_to_keep=2 if kind == "last" else 1
      )
      for kind in KINDS
    }

  def save(self, kind: str, step: int) -> str:
    """Saves under one of KINDS; returns the checkpoint's path."""
    return self._managers[kind].save(checkpoint_number=step)

  def save_if_best(self, step: int, dice: float) -> None:
    """Saves `best` if the validation's mean Dice is above all before it."""
    if dice > float(self._best_dice):
      self._best_dice.assign(dice)
      self.save("best", step)

  def latest(self, kind: str = "last") -> str | None:
    """Path of the newest checkpoint of a kind, or None."""
    return self._managers[kind].latest_checkpoint

  def restore_latest(self) -> bool:
    """Restores the newest `last`; returns whether there was one."""
    path = self.latest()
    if path:
      self._checkpoint.restore(path).assert_consumed()
    return path is not None

  def restore_stage1(self, folder: pathlib.Path) -> None:
    """Starts from the end of another run's stage 1.

    Raises:
      InputError: If that run has not finished it.
    """
    path = tf.train.latest_checkpoint(str(folder / "stage1"))
    if path is None:
      raise InputError(
        f"{folder.parent}: has no finished stage 1 to start from; train it to the end of stage 1 first."
      )
    self._checkpoint.restore(path).assert_consumed()


def restore_network(network: tf.keras.Model, folder: pathlib.Path, kind: str = "last") -> int:
  """Loads the network alone, for evaluation, prediction and export.

  Args:
    folder: the run's checkpoints.
    kind: "last" or "best".
  Returns:
    The step of the checkpoint.
  Raises:
    InputError: If there is no such checkpoint.
  """
  path = tf.train.latest_checkpoint(str(folder / kind))
  if path is None:
    hint = "train with --validation_fraction above 0 to have one" if kind == "best" else "train the run first"
    raise InputError(f"{folder / kind}: holds no checkpoint; {hint}.")
  tf.train.Checkpoint(network=network).restore(path).expect_partial().assert_existing_objects_matched()
  return int(path.rsplit("-", 1)[1])
