"""Checkpoints of a run: `last` to go on from, `stage1` to share, `best` of the validation.

TensorFlow's own manager takes paths for patterns: in a folder named `fold[0]` it finds none of its files. So
files are listed and deleted here.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import tensorflow as tf

from data.files.plain_path import plain_path
from data.input_error import InputError
from deeplab_panns.method.panns import PaNN

KINDS = ("last", "best", "stage1")
# Two of `last`: the one before stays whole while the next is written, and serves if that one is damaged.
_KEPT = {"last": 2, "best": 1, "stage1": 1}


class Checkpoints:
  """Saves and restores network, teacher, optimizer (its iterations are the step) and dual variables."""

  def __init__(self, panns: PaNN, folder: pathlib.Path):
    self._folder = folder
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
    _ = self._checkpoint.save_counter  # asking makes it: checkpoints have had it since the first version

  def save(self, kind: str, step: int) -> str:
    """Saves under one of KINDS and deletes what is older than the kept ones; returns the checkpoint's
    path."""
    folder = self._folder / kind
    folder.mkdir(parents=True, exist_ok=True)
    path = str(self._checkpoint.write(str(folder / f"ckpt-{step}")))
    for older in _steps(folder)[_KEPT[kind] :]:
      for file in [entry for entry in folder.iterdir() if entry.name.startswith(f"ckpt-{older}.")]:
        file.unlink()
    return path

  def save_if_best(self, step: int, dice: float) -> None:
    """Saves `best` if the validation's mean Dice is above all before it."""
    if dice > float(self._best_dice):
      self._best_dice.assign(dice)
      self.save("best", step)

  def latest(self, kind: str = "last") -> str | None:
    """Path of the newest checkpoint of a kind, or None."""
    steps = _steps(self._folder / kind)
    return str(self._folder / kind / f"ckpt-{steps[0]}") if steps else None

  def restore_latest(self) -> bool:
    """Restores the newest `last` that can be read; returns whether there was one.

    Raises:
      InputError: If there are some, and all are damaged.
    """
    if not _steps(self._folder / "last"):
      return False
    _restore(self._folder / "last", self._read)
    return True

  def restore_stage1(self, folder: pathlib.Path) -> None:
    """Starts from the end of another run's stage 1.

    Raises:
      InputError: If that run has not finished it, or its checkpoint is damaged.
    """
    if not _steps(folder / "stage1"):
      raise InputError(
        f"{folder.parent}: has no finished stage 1 to start from; train it to the end of stage 1 first."
      )
    _restore(folder / "stage1", self._read)

  def _read(self, path: str) -> None:
    self._checkpoint.read(path).assert_consumed()


def restore_network(network: tf.keras.Model, folder: pathlib.Path, kind: str = "last") -> int:
  """Loads the network alone, for evaluation, prediction and export.

  Args:
    folder: the run's checkpoints.
    kind: "last" or "best".
  Returns:
    The step of the checkpoint.
  Raises:
    InputError: If there is no such checkpoint, or all are damaged.
  """
  if not _steps(folder / kind):
    hint = "train with --validation_fraction above 0 to have one" if kind == "best" else "train the run first"
    raise InputError(f"{folder / kind}: holds no checkpoint; {hint}.")

  def read(path: str) -> None:
    tf.train.Checkpoint(network=network).read(path).expect_partial().assert_existing_objects_matched()

  return _restore(folder / kind, read)


def _steps(folder: pathlib.Path) -> list[int]:
  """The steps of a folder's checkpoints, the newest first."""
  if not folder.is_dir():
    return []
  found = [re.fullmatch(r"ckpt-(\d+)\.index", entry.name) for entry in folder.iterdir()]
  return sorted((int(match[1]) for match in found if match), reverse=True)


def _restore(folder: pathlib.Path, read: Callable[[str], None]) -> int:
  """Reads the newest checkpoint that is whole; says so if it is not the newest of all; returns its step."""
  damaged = []
  for step in _steps(folder):
    try:
      with plain_path(folder) as plain:
        read(str(plain / f"ckpt-{step}"))
    except (tf.errors.OpError, ValueError, AssertionError, RuntimeError, LookupError):
      damaged.append(step)
      continue
    if damaged:
      print(
        f"warning: {folder / f'ckpt-{damaged[0]}'} is damaged; the one before it, of step {step}, is used.",
        flush=True,
      )
    return step
  newest = folder / f"ckpt-{damaged[0]}"
  raise InputError(
    f"{newest}: is damaged, or of another network, and no earlier checkpoint is there; copy the run again "
    "from "
    "where it was whole, or train it again."
  )
