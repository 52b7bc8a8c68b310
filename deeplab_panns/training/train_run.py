"""Trains a run, or goes on with it: what `python -m deeplab_panns.train` does."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib

import tensorflow as tf

from data.input_error import InputError
from data.spacing import fill_spacing
from data.stored.resampled import at_spacing
from data.stored.store import Store, verify
from deeplab_panns.distribution.devices import make_team
from deeplab_panns.distribution.team import Team, require_even
from deeplab_panns.pretrained.start import Start
from deeplab_panns.runs import hparams, run_record
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.training import interruption
from deeplab_panns.training.assembly import Resources
from deeplab_panns.training.progress import Intervals
from deeplab_panns.training.training import Training


def train(
  experiment: Experiment,
  store: Store,
  run_dir: str | os.PathLike[str],
  intervals: Intervals = Intervals(),  # noqa: B008 - frozen
  resources: Resources = Resources(),  # noqa: B008 - frozen
  stage1_run: str | os.PathLike[str] | None = None,
  verify_store: bool = True,
  start: Start = Start(),  # noqa: B008 - frozen
) -> RunDirectory:
  """Trains both stages into `run_dir`, from the last checkpoint there if it holds one of the same experiment.

  Args:
    stage1_run: another run, whose stage 1 is taken instead of training it again.
    verify_store: compare the store's arrays with their sha256 first.
    start: what a new run's network starts from.
  Raises:
    InputError: If the folder holds another run or is in use, the store does not have what the experiment
      needs, or the loss stops being finite.
  """
  configure_tensorflow(experiment.seed, resources)
  team = make_team(resources.devices)
  require_even(experiment, team.replicas)
  directory = RunDirectory(run_dir)
  # Scans to predict are resampled to the spacing of training: it must be known where it is the store's too.
  spacing_mm = fill_spacing(experiment.spacing_mm, store.spacing_mm)
  experiment = start.named_in(dataclasses.replace(experiment, spacing_mm=spacing_mm))
  with contextlib.ExitStack() as held, interruption.heeded() as requested:
    team.chief_first(lambda: _claim(directory, held) if team.is_chief else None)
    is_new = team.is_chief and not directory.experiment.exists()
    try:
      if verify_store:
        verify(store.cases)
      stage1 = team.chief_first(lambda: _open(directory, experiment, store, stage1_run))
      store = team.chief_first(
        lambda: at_spacing(store, experiment.spacing_mm, directory.resampled, resources.max_voxels)
      )
      training = Training(directory, experiment, store, intervals, requested, resources.jit_compile, team)
      training.resume(stage1)
      loaded = None if training.begun_from else start.load(training.panns.network, experiment)
    except InputError:
      if is_new:
        directory.forget()
      raise
    if not team.is_chief:
      training.run()
    elif training.finished:
      print(f"{directory.path}: finished at step {training.step}; nothing to do.")
    else:
      _announce(directory, training, resources, team)
      for line in loaded.lines() if loaded else ():
        print(line, flush=True)
      training.run()
      run_record.note_end(directory.record, experiment.steps)
      print(f"{directory.path}: finished at step {experiment.steps}")
    team.wait()  # or the first to end would take the others for lost
  return directory


def _claim(directory: RunDirectory, held: contextlib.ExitStack) -> None:
  directory.require_vacant()
  held.enter_context(directory.locked())


def _open(
  directory: RunDirectory, experiment: Experiment, store: Store, stage1_run: str | os.PathLike[str] | None
) -> pathlib.Path | None:
  """The checkpoints that lend their stage 1, if any."""
  directory.open_for_training(experiment, store)
  return RunDirectory(stage1_run).stage1_for(experiment, store) if stage1_run else None


def _announce(directory: RunDirectory, training: Training, resources: Resources, team: Team) -> None:
  _record_start(directory, training, resources)
  experiment, replicas = training.experiment, team.describe()
  print(
    f"{directory.path}: {experiment.stage2.supervision}, {training.describe()}; "
    f"step {training.step} of {experiment.steps}{f'; {replicas}' if replicas else ''}",
    flush=True,
  )
  for line in training.warnings():
    print(f"warning: {line}", flush=True)


def _record_start(directory: RunDirectory, training: Training, resources: Resources) -> None:
  experiment = training.experiment
  settings = {
    "seed": experiment.seed,
    **dataclasses.asdict(resources),
    "deterministic": resources.deterministic and not resources.jit_compile,
  }
  if not run_record.note_start(directory.record, training.step, training.begun_from, settings):
    print(f"warning: {directory.record}: could not be read; it now begins with this start.", flush=True)
  hparams.write_settings(directory.events, experiment, directory.path.name)


def configure_tensorflow(seed: int, resources: Resources) -> None:
  """Determinism, seeds and threads.

  TensorFlow fixes its threads at the first operation: in a process that has run one before, they stay as they
  are.
  """
  within = resources.threads or os.cpu_count() or 1
  try:
    tf.config.threading.set_intra_op_parallelism_threads(within)
    tf.config.threading.set_inter_op_parallelism_threads(resources.inter_op_threads or within)
  except RuntimeError:
    pass
  # XLA has no deterministic gradient of max-pooling and refuses it
  if resources.deterministic and not resources.jit_compile:
    tf.config.experimental.enable_op_determinism()
  tf.keras.utils.set_random_seed(seed)
