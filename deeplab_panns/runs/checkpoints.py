"""Checkpoints of a run: `last` to go on from, `stage1` to share, `best` of the validation.

TensorFlow's own manager takes paths for patterns: in a folder named `fold[0]` it finds none of its files. And
it writes under the final name: killed at the wrong moment, it leaves a checkpoint that looks whole. So files
are named, listed and deleted here.

Training waits until the system has a checkpoint's bytes, not until the disk has them: the file that has no
name yet is the copy of the variables. A copy in memory would save half of that time and take twice the
memory; and so a disk that is full is found at the step.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from data.files.plain_path import plain_path
from data.input_error import InputError
from data.whole_file import write_text
from deeplab_panns.method.panns import PaNN

KINDS = ("last", "best", "stage1")
FEWEST_LAST = 2  # the one before serves if the last is damaged


class Checkpoints:
  """Saves and restores network, teacher, optimizer (its iterations are the step) and dual variables."""

  def __init__(self, panns: PaNN, folder: pathlib.Path, kept: int = FEWEST_LAST, writes: bool = True):
    """Args:
    kept: so many of `last` stay, at least 2.
    writes: False: `save` does nothing, since another process of the same training saves.
    """
    self._folder = folder
    self._panns = panns
    self._writes = writes
    self._finishing: threading.Thread | None = None
    self._failure: Exception | None = None  # of what was begun
    self._kept = {"last": kept, "best": 1, "stage1": 1}
    # saved too, or a resumed run would call its first validation the best
    self._best_dice = tf.Variable(-1.0, trainable=False, name="best_dice")
    self._checkpoint = tf.train.Checkpoint(
      **_moving(panns),
      best_dice=self._best_dice,
      **({"peer": tf.train.Checkpoint(**_moving(panns.peer))} if panns.peer else {}),
    )
    # Of another run's stage 1; what moves in stage 2 alone starts from this run's own settings, and its best
    # checkpoint, which is not taken over, may be of other validation cases.
    self._stage1 = tf.train.Checkpoint(
      **_moving_in_stage1(panns),
      **({"peer": tf.train.Checkpoint(**_moving_in_stage1(panns.peer))} if panns.peer else {}),
    )
    _ = self._checkpoint.save_counter  # asking makes it: checkpoints have had it since the first version

  def save(self, kind: str, step: int) -> str:
    """Saves under one of KINDS and deletes what is older than the kept ones; returns the checkpoint's path.

    The final name comes last, when all is on the disk: a process that is killed, at whatever moment, leaves
    the checkpoint whole or not at all.

    Raises:
      InputError: If it cannot be written, or a number in it is not finite; or so could not what was begun.
    """
    path = self.begin_save(kind, step)
    self.wait()
    return path

  def begin_save(self, kind: str, step: int) -> str:
    """As `save`, but what comes after the writing is done beside the next steps: the disk, the final name."""
    folder = self._folder / kind
    if not self._writes:
      return str(folder / f"ckpt-{step}")
    self.wait()
    self._require_finite(kind, step)
    unfinished = folder / f".ckpt-{step}.tmp"
    with self._named_if_not_written(kind, step):
      _clear(unfinished)
      unfinished.mkdir(parents=True)
      try:
        self._checkpoint.write(str(unfinished / "ckpt"))
      except BaseException:
        _clear(unfinished)
        raise
    self._finishing = threading.Thread(target=self._finish, args=(kind, step, unfinished))
    self._finishing.start()
    return str(folder / f"ckpt-{step}")

  def _finish(self, kind: str, step: int, unfinished: pathlib.Path) -> None:
    folder = self._folder / kind
    try:
      with self._named_if_not_written(kind, step):
        try:
          _rename(unfinished, folder, f"ckpt-{step}")
        finally:
          _clear(unfinished)
      _delete_others(folder, set(_steps(folder)[: self._kept[kind]]))
    except Exception as error:  # raised where the training is
      self._failure = error

  def wait(self) -> None:
    """Waits for what was begun. Raises InputError if it could not be written."""
    self.settle()
    self.require_no_failure()

  def settle(self) -> None:
    """As `wait`, but raises nothing."""
    if self._finishing:
      self._finishing.join()
      self._finishing = None

  def require_no_failure(self) -> None:
    """Raises InputError if what was begun could not be written; waits for nothing."""
    failure, self._failure = self._failure, None
    if failure:
      raise failure

  def _require_finite(self, kind: str, step: int) -> None:
    models = [self._panns, *([self._panns.peer] if self._panns.peer else [])]
    parts = [part for model in models for part in _moving_in_stage1(model).values()]
    for variable in (variable for part in parts for variable in part.variables):
      if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable)):
        raise InputError(
          f"{self._folder / kind}: {variable.name} is not finite at step {step}, which is not saved; the "
          f"last good checkpoint is {self.latest() or 'none yet'}. Lower the learning rate and train into a "
          "new --run_dir."
        )

  @contextlib.contextmanager
  def _named_if_not_written(self, kind: str, step: int) -> Iterator[None]:
    try:
      yield
    except (OSError, tf.errors.OpError) as error:
      found = getattr(error, "strerror", None) or getattr(error, "message", None) or error
      raise InputError(
        f"{self._folder / kind}: the checkpoint of step {step} cannot be written ({_reason(str(found))}); "
        f"the last good one is {self._newest('last') or 'none yet'}. Make room, and run the same command "
        "again."
      ) from None

  def save_if_best(self, step: int, dice: float) -> None:
    """Saves `best` if the validation's mean Dice is above all before it."""
    if dice > float(self._best_dice):
      self._best_dice.assign(dice)
      self.save("best", step)

  def owe_validation(self, step: int) -> None:
    """Notes that this step, which is saved next, is not validated yet: a resumed run makes up for it, or its
    best checkpoint could be another."""
    self._folder.mkdir(parents=True, exist_ok=True)  # nothing may have been saved before
    write_text(self._owed, f"{step}\n")

  def owes_validation(self, step: int) -> bool:
    """Whether this step was saved and not validated."""
    try:
      return self._owed.read_text(encoding="utf-8") == f"{step}\n"
    except (OSError, ValueError):
      return False

  def made_up_for(self, step: int) -> None:
    """Saves `last` with the result of the validation that was owed, and forgets that it was."""
    self.save("last", step)
    self._owed.unlink(missing_ok=True)

  @property
  def _owed(self) -> pathlib.Path:
    return self._folder / "owed_validation"

  def latest(self, kind: str = "last") -> str | None:
    """Path of the newest checkpoint of a kind, or None; waits for what was begun."""
    self.settle()
    return self._newest(kind)

  def _newest(self, kind: str) -> str | None:
    steps = _steps(self._folder / kind)
    return str(self._folder / kind / f"ckpt-{steps[0]}") if steps else None

  def restore_latest(self) -> str:
    """Restores the newest `last` that can be read; returns its path, "" if there is none.

    Raises:
      InputError: If there are some, and all are damaged.
    """
    if not _steps(self._folder / "last"):
      return ""
    return str(self._folder / "last" / f"ckpt-{_restore(self._folder / 'last', self._read)}")

  def restore_stage1(self, folder: pathlib.Path) -> str:
    """Starts from the end of another run's stage 1; returns its checkpoint's path.

    Raises:
      InputError: If that run has not finished it, or its checkpoint is damaged.
    """
    if not _steps(folder / "stage1"):
      raise InputError(
        f"{folder.parent}: has no finished stage 1 to start from; train it to the end of stage 1 first."
      )
    return str(folder / "stage1" / f"ckpt-{_restore(folder / 'stage1', self._read_stage1)}")

  def _read(self, path: str) -> None:
    self._checkpoint.read(path).assert_consumed()

  def _read_stage1(self, path: str) -> None:
    self._stage1.read(path).expect_partial().assert_existing_objects_matched()


def _moving_in_stage1(panns: PaNN) -> dict[str, Any]:
  """{name in a checkpoint: what has `variables`} of what stage 1 moves."""
  parts = {"network": panns.network, "teacher": panns.teacher, "optimizer": panns.optimizer}
  return {**parts, "loss_scale": panns.loss_scale} if panns.loss_scale else parts


def _moving(panns: PaNN) -> dict[str, Any]:
  """As `_moving_in_stage1`, of what either stage moves."""
  optional = {"feature_rule": panns.feature_rule}
  return {
    **_moving_in_stage1(panns),
    "duals": panns.duals,
    "alignment": panns.alignment,
    **{name: part for name, part in optional.items() if part},
  }


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


def _rename(unfinished: pathlib.Path, folder: pathlib.Path, name: str) -> None:
  """Brings the files of a written checkpoint to the disk and then under their final name, `.index` last:
  without it the others are no checkpoint."""
  files = sorted(unfinished.iterdir(), key=lambda file: file.suffix == ".index")
  for file in files:
    _to_disk(file)
  (folder / f"{name}.index").unlink(missing_ok=True)  # of an older one of the same step
  for file in files:
    os.replace(file, folder / file.name.replace("ckpt", name, 1))
  _to_disk(folder)


def _to_disk(path: pathlib.Path) -> None:
  opened = os.open(path, os.O_RDONLY)
  try:
    os.fsync(opened)
  finally:
    os.close(opened)


def _delete_others(folder: pathlib.Path, kept: set[int]) -> None:
  """Deletes the checkpoints of other steps, `.index` first, and what killed processes have left."""
  for entry in sorted(folder.iterdir(), key=lambda entry: entry.suffix != ".index"):
    named = re.match(r"ckpt-(\d+)\.", entry.name)
    if named and int(named[1]) not in kept:
      entry.unlink(missing_ok=True)
    elif re.fullmatch(r"\.ckpt-\d+\.tmp", entry.name):
      _clear(entry)


def _clear(folder: pathlib.Path) -> None:
  shutil.rmtree(folder, ignore_errors=True)


def _reason(message: str) -> str:
  """What TensorFlow says of a file, without the file and the operation."""
  return message.partition(" [Op:")[0].rpartition(";")[2].strip().partition("\n")[0][:80]


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
