"""Trains a run, or goes on with it: what `python -m deeplab_panns.train` does."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

from data.input_error import InputError
from data.spacing import fill_spacing
from data.stored.resampled import at_spacing
from data.stored.store import Store, verify
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
) -> RunDirectory:
  """Trains both stages into `run_dir`, from the last checkpoint there if it holds one of the same experiment.

  Args:
    stage1_run: another run, whose stage 1 is taken instead of training it again.
    verify_store: compare the store's arrays with their sha256 first.
  Raises:
    InputError: If the folder holds another run or is in use, the store does not have what the experiment
      needs, or the loss stops being finite.
  """
  directory = RunDirectory(run_dir)
  directory.require_vacant()
  # Scans to predict are resampled to the spacing of training: it must be known where it is the store's too.
  spacing_mm = fill_spacing(experiment.spacing_mm, store.spacing_mm)
  experiment = dataclasses.replace(experiment, spacing_mm=spacing_mm)
  with directory.locked(), interruption.heeded() as requested:
    is_new = not directory.experiment.exists()
    try:
      directory.open_for_training(experiment, store)
      if verify_store:
        verify(store.cases)
      stage1 = RunDirectory(stage1_run).stage1_for(experiment, store) if stage1_run else None
      configure_tensorflow(experiment.seed, resources)
      store = at_spacing(store, experiment.spacing_mm, directory.resampled, resources.max_voxels)
      training = Training(directory, experiment, store, intervals, requested, resources.jit_compile)
      step = training.resume(stage1)
    except InputError:
      if is_new:
        directory.forget()
      raise
    if training.finished:
      print(f"{directory.path}: finished at step {step}; nothing to do.")
      return directory
    _record_start(directory, training, resources)
    print(
      f"{directory.path}: {experiment.stage2.supervision}, {training.describe()}; "
      f"step {step} of {experiment.steps}",
      flush=True,
    )
    for line in training.warnings():
      print(f"warning: {line}", flush=True)
    training.run()
    run_record.note_end(directory.record, experiment.steps)
    print(f"{directory.path}: finished at step {experiment.steps}")
  return directory


def _record_start(directory: RunDirectory, training: Training, resources: Resources) -> None:
  experiment = training.experiment
  settings = {
    "seed": experiment.seed,
    "deterministic": not resources.jit_compile,
    **dataclasses.asdict(resources),
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
  if not resources.jit_compile:  # XLA has no deterministic gradient of max-pooling and refuses it
    tf.config.experimental.enable_op_determinism()
  tf.keras.utils.set_random_seed(seed)
