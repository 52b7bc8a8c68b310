"""A cross-validation: every fold of a store trained and evaluated, then merged."""

from __future__ import annotations

import dataclasses
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from data import command
from data.input_error import InputError
from data.stored.store import Store
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.scores import how_scored
from deeplab_panns.scores.result_files import result_outputs
from deeplab_panns.training import merged_folds


def store_folds(store: Store, count: int) -> dict[int, list[str]]:
  """{fold: ids of its cases}. Raises InputError if the store has not `count` folds."""
  found: dict[int, list[str]] = {}
  for case in store.cases:
    if case.fold is not None:
      found.setdefault(case.fold, []).append(case.id)
  if len(found) != count:
    raise InputError(
      f"{store.path}: has {len(found)} folds ({', '.join(map(str, sorted(found))) or 'none'}), "
      f"--folds={count}; give "
      f"--folds={max(2, len(found))}, or deal others by data.prepare --folds={count} (a manifest's own folds "
      "come first)."
    )
  return {fold: found[fold] for fold in sorted(found)}


@dataclasses.dataclass(frozen=True)
class CrossValidation:
  """What to do.

  Attributes:
    folds: {fold: ids of the cases held out}, all of them.
    experiment: as of any fold; its own `fold` does not count.
    arguments: train's flags that all folds share.
    stage1_run: another cross-validation whose folds lend their stage 1, or None.
    evaluate_arguments: evaluate's flags that all folds share.
    scored_how: what these flags leave in metrics.json, see how_scored.
  """

  run_dir: pathlib.Path
  store: Store
  folds: dict[int, list[str]]
  experiment: Experiment
  arguments: tuple[str, ...]
  stage1_run: str | None
  evaluate_arguments: tuple[str, ...] = ()
  scored_how: Mapping[str, Any] = dataclasses.field(default_factory=lambda: how_scored.how_scored({}))

  def fold_dir(self, fold: int) -> pathlib.Path:
    return self.run_dir / f"fold{fold}"

  def is_finished(self, fold: int) -> bool:
    """Whether a fold was trained to its end and then scored on its test cases.

    Raises:
      InputError: If its folder holds a run of other flags or of another store.
    """
    directory = RunDirectory(self.fold_dir(fold))
    if not directory.experiment.exists():
      return False
    held_out = dataclasses.replace(self.experiment.held_out, fold=fold)
    directory.open_for_training(dataclasses.replace(self.experiment, held_out=held_out), self.store)
    summary = merged_folds.read_summary(directory.path)
    references = {
      case.id: case.sha256["label"][:16] for case in self.store.cases if case.id in self.folds[fold]
    }
    wanted = {
      "split": "test",
      "checkpoint": "last",
      "step": self.experiment.steps,
      "references": references,
    }  # another store's cases may have the same ids
    if how_scored.how_scored(summary) != self.scored_how:
      return False
    return all(summary.get(key) == value for key, value in wanted.items())

  def run_fold(self, fold: int) -> None:
    """Trains from where the fold was left, and scores it."""
    where = [f"--data_dir={self.store.path}", f"--run_dir={self.fold_dir(fold)}"]
    stage1 = [f"--stage1_run={pathlib.Path(self.stage1_run) / f'fold{fold}'}"] if self.stage1_run else []
    run_module("deeplab_panns.train", [*self.arguments, *where, f"--fold={fold}", *stage1])
    run_module("deeplab_panns.evaluate", [*where, "--split=test", *self.evaluate_arguments])


def run_module(module: str, arguments: Sequence[str]) -> None:
  """Runs a command to its end. Its output passes through, but for the line of an error, which becomes this
  command's.

  Raises:
    InputError: If it fails.
    KeyboardInterrupt: If it or this process is interrupted; it has then ended.
  """
  child = subprocess.Popen([sys.executable, "-m", module, *arguments], stderr=subprocess.PIPE, text=True)
  message = ""
  try:
    for line in child.stderr or ():
      if line.startswith("error: "):
        message = line.partition(" ")[2].strip()
      else:
        sys.stderr.write(line)
    code = child.wait()
  except KeyboardInterrupt:
    _stop(child)
    raise
  if code in (command.EXIT_INTERRUPTED, -signal.SIGINT):
    raise KeyboardInterrupt
  if code in (command.EXIT_TERMINATED, -signal.SIGTERM):
    raise command.Terminated
  if code:
    raise InputError(
      message
      or f"python -m {module} {' '.join(arguments[-3:])} ended with exit code {code}"
      f"{' (killed: not enough memory?)' if code == -signal.SIGKILL else ''}; the same command goes on from "
      "what is finished."
    )


def _stop(child: subprocess.Popen[str]) -> None:
  """Ends a child that a Ctrl-C in the terminal has reached too, but a signal to this process alone has
  not."""
  try:
    child.send_signal(signal.SIGINT)
    child.communicate()  # what it still says is of the interruption, which this process tells of
  except KeyboardInterrupt:  # a second one does not wait
    child.kill()
    child.wait()


def cross_validate(validation: CrossValidation, only: int = -1) -> None:
  """Does what is not done yet, then merges the folds if none is missing.

  Args:
    only: a fold to do alone; -1: all.
  """
  if only >= 0 and only not in validation.folds:
    raise InputError(
      f"{validation.store.path}: has no fold {only}; its folds are {list(validation.folds)}: choose one by "
      "--fold, or -1 for all."
    )
  outputs = result_outputs(validation.run_dir, (), overwrite=False)
  for fold in validation.folds if only < 0 else [only]:
    if validation.is_finished(fold):
      print(f"{validation.fold_dir(fold)}: trained and evaluated before", flush=True)
    else:
      validation.run_fold(fold)
  missing = [fold for fold in validation.folds if not validation.is_finished(fold)]
  if missing:
    print(
      f"{validation.run_dir}: still without {', '.join(f'fold{fold}' for fold in missing)}; metrics.csv "
      "comes with the last of them"
    )
    return
  folders = {fold: validation.fold_dir(fold) for fold in validation.folds}
  summary = merged_folds.merge(folders, validation.folds, validation.run_dir)
  outputs.wrote(merged_folds.FILES)
  print(describe(summary, validation.run_dir))


def describe(summary: dict[str, Any], run_dir: pathlib.Path) -> str:
  """One line: mean Dice over organs, and its spread over cases and over folds."""
  if summary["mean_dice"] is None:
    return f"{run_dir}: mean Dice undefined, since no case has any organ; {run_dir / 'metrics.csv'}"
  cases, folds = (
    f"sd {part['sd']:.4f}" if part["sd"] is not None else "no sd"
    for part in (summary["over_cases"], summary["over_folds"])
  )
  each = ", ".join(
    "undefined" if value is None else f"{value:.4f}" for value in summary["over_folds"]["each"].values()
  )
  return (
    f"{run_dir}: mean Dice {summary['mean_dice']:.4f} over {len(summary['organs'])} organs and "
    f"{summary['cases']} cases, each tested once; "
    f"{cases} over cases, {folds} over folds ({each}); {summary['excluded']} pairs excluded, "
    f"{summary['missed']} missed; "
    f"{run_dir / 'metrics.csv'}"
  )
