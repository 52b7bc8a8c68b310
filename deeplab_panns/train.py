"""python -m deeplab_panns.train: both stages of the paper's Algorithm 1, resumable."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from absl import flags

from data import command
from data.batches.patches import PatchSampling
from data.batches.pipeline import Batches, BatchPlan
from data.batches.slices import SliceSampling
from data.input_error import InputError
from data.stored.resampled import at_spacing
from data.stored.splits import only_annotating, split
from data.stored.store import read_store, verify
from deeplab_panns.config import STAGE_2_FIELDS, Experiment, define_flags, differences, experiment_from_flags
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.panns import Objective, PaNN
from deeplab_panns.method.prior import (
  correct_by_annotations,
  estimate_prior,
  load_prior,
  require_every_organ,
  save_prior,
)
from deeplab_panns.method.schedules import TwoStages
from deeplab_panns.prior_check.check import cases_that_agree, disagreements
from deeplab_panns.runs.build_network import build_network
from deeplab_panns.runs.checkpoints import Checkpoints
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.runs.trained import segmenter_of
from deeplab_panns.training.progress import Intervals, Progress
from deeplab_panns.training.scalars import Scalars
from deeplab_panns.training.validation import Validator


def make_batches(store, splits, experiment: Experiment):
  """The run's streams of training batches: of slices or of patches, as its network takes them."""
  sampling: PatchSampling | SliceSampling
  if experiment.network == "dltk_unet3d":
    sampling = PatchSampling(
      experiment.scales, experiment.max_rotation_degrees, experiment.patch_size, experiment.organ_fraction
    )
  else:
    sampling = SliceSampling(
      experiment.view,
      experiment.slices_per_input,
      experiment.crop_size,
      experiment.scales,
      experiment.max_rotation_degrees,
      experiment.case_weighting,
    )
  return Batches(
    store,
    splits,
    BatchPlan(
      batch_size=experiment.batch_size,
      partial_fraction=experiment.partial_batch_fraction,
      seed=experiment.seed,
      sampling=sampling,
    ),
    prior_cases(store, splits, experiment),
  )


def prior_cases(store, splits, experiment: Experiment):
  """Ids of the partial cases that the prior counts, or None for all of them.

  Raises:
    InputError: If --prior_mismatch=exclude leaves none.
  """
  if experiment.prior_mismatch != "exclude" or not experiment.holds_to_prior:
    return None
  agreeing = cases_that_agree(store, splits)
  if not agreeing:
    raise InputError(
      f"{store.path}: the prior holds in no partial set, so --prior_mismatch=exclude leaves it nothing to "
      "count; use "
      "--prior_mismatch=correct or --supervision=partial. See python -m deeplab_panns.prior_check."
    )
  return agreeing


def learning_rates(experiment: Experiment):
  """The learning rate of Θ as a function of the step."""
  return TwoStages(
    (experiment.learning_rate_stage1, experiment.learning_rate_stage2),
    (experiment.stage1_steps, experiment.stage2_steps),
    experiment.learning_rate_policy,
    experiment.stage2_warmup_steps,
  )


def make_panns(experiment: Experiment, prior, class_count, jit_compile=False):
  """Network, teacher, optimizer and dual variables, ready to fit."""
  # An organ without labels has q = 0; only `panns` refuses that (require_every_organ), the others just
  # measure.
  share = np.maximum(prior.target, 1e-8)
  panns = PaNN(
    build_network(experiment, class_count),
    build_network(experiment, class_count),
    Duals(share / share.sum()),
    Objective(
      lambda1=experiment.lambda1,
      lambda2=experiment.lambda2,
      use_annotations=experiment.supervision != "semi",
      dual_update=experiment.dual_update,
      dual_step=experiment.dual_step,
      learning_rate_dual=experiment.learning_rate_dual,
      partial_loss=experiment.partial_loss,
      exclusion_weight=experiment.exclusion_weight,
      pseudo_labels=experiment.pseudo_labels,
      teacher_decay=experiment.teacher_decay,
      mix=experiment.mix,
      prior_scope=experiment.prior_scope,
    ),
    experiment.seed,
  )
  if experiment.optimizer == "adam":
    optimizer = tf.keras.optimizers.Adam(learning_rates(experiment))
  else:
    optimizer = tf.keras.optimizers.SGD(learning_rates(experiment), momentum=experiment.momentum)
  optimizer.build(
    panns.network.trainable_variables
  )  # so that a checkpoint finds its slots before the first step
  panns.compile(optimizer=optimizer, jit_compile=jit_compile)
  return panns


class Training:
  """One run: what it trains, what it reads, and the order of its two stages."""

  def __init__(
    self, directory: RunDirectory, experiment: Experiment, store, intervals: Intervals, jit_compile
  ):
    self.experiment = experiment
    self._store = store
    self._splits = split(store, experiment.fold, experiment.validation_fraction, experiment.seed)
    if experiment.partial_organs and experiment.supervision != "full":
      self._splits = only_annotating(self._splits, experiment.partial_organs, store)
    if experiment.supervision != "full" and not self._splits.partial:
      raise InputError(
        f"{store.path}: has no partially labelled case, which --supervision={experiment.supervision} trains "
        "on; "
        "add cases with fewer organs annotated, or use --supervision=full."
      )
    self._batches = make_batches(store, self._splits, experiment)
    prior = self._prior(directory, store)
    self._panns = make_panns(experiment, prior, len(store.organs) + 1, jit_compile)
    self._checkpoints = Checkpoints(self._panns, directory.checkpoints)
    validator = Validator(
      segmenter_of(self._panns.network, experiment, store.organs),
      store.organs,
      self._splits.validation or self._splits.labeled[:1],
      held_out=bool(self._splits.validation),
      three_planes=experiment.network == "dltk_unet3d",
    )
    scalars = Scalars(directory.events, self._panns, learning_rates(experiment), prior, experiment)
    self._progress = Progress(
      directory.path.name, self._panns, self._checkpoints, scalars, intervals, validator
    )

  def _prior(self, directory, store):
    if directory.prior.exists():
      return load_prior(directory.prior)
    labels = self._batches.prior_labels(self.experiment.prior_examples).as_numpy_iterator()
    prior = estimate_prior(store.organs, self._splits.labeled, labels)
    if self.experiment.prior_mismatch == "correct" and self.experiment.holds_to_prior:
      prior = correct_by_annotations(
        prior, self._batches.partial_labels(self.experiment.prior_examples).as_numpy_iterator()
      )
    if self.experiment.supervision == "panns" or self.experiment.holds_to_prior:
      require_every_organ(prior, store.path)
    save_prior(prior, directory.prior)
    return prior

  @property
  def step(self):
    return int(self._panns.optimizer.iterations)

  def describe(self):
    splits = self._splits
    return (
      f"{len(splits.labeled)} labelled and {len(splits.partial)} partial cases, "
      f"{len(splits.validation)} for validation, {len(splits.test)} held out as test"
    )

  def warnings(self):
    """What the user should know before it starts: partial cases that speak against the prior, padded
    patches."""
    lines = disagreements(self._store, self._splits) if self.experiment.holds_to_prior else []
    patch = self.experiment.patch_size
    smaller = [
      case.id
      for case in self._splits.labeled + self._splits.partial
      if any(n < side for n, side in zip(case.shape, patch))
    ]
    if smaller and self.experiment.network == "dltk_unet3d":
      lines.append(
        f"{len(smaller)} cases ({', '.join(smaller[:3])}{', ...' if len(smaller) > 3 else ''}) are smaller "
        "than --patch_size="
        f"{','.join(map(str, patch))}; they are padded, and the padding counts nowhere."
      )
    return lines

  def resume(self, stage1_checkpoints):
    """Goes on from the run's own last checkpoint, or from another run's stage 1; returns the step."""
    if not self._checkpoints.restore_latest() and stage1_checkpoints is not None:
      self._checkpoints.restore_stage1(stage1_checkpoints)
      self._checkpoints.save("last", self.step)
    return self.step

  def run(self):
    """Trains to the end."""
    stage1, total = self.experiment.stage1_steps, self.experiment.stage1_steps + self.experiment.stage2_steps
    if self.step < stage1:
      self._fit(self._batches.labeled(self.step, stage1), stage1, has_partial=False)
    if self.step == stage1:
      self._checkpoints.save("stage1", stage1)
      self._enter_stage2()
    if self.experiment.freeze_batch_norm:
      self._panns.freeze_batch_norm()
    mixed = self.experiment.supervision != "full"
    stream = self._batches.mixed if mixed else self._batches.labeled
    if self.step < total:
      self._fit(stream(self.step, total), total, has_partial=mixed)

  def _enter_stage2(self):
    """The learning rate jumps: Keras' SGD velocity carries the old rate and would push on for some forty
    steps.

    Adam's moments are of raw gradients; they stay."""
    if self.experiment.optimizer == "sgd":
      for velocity in self._panns.optimizer.momentums:
        velocity.assign(tf.zeros_like(velocity))
    self._panns.refresh_teacher()

  def _fit(self, batches, last_step, has_partial):
    self._progress.begin(self.step, last_step, has_partial)
    callbacks = [self._progress]
    if has_partial and not self.experiment.teacher_decay:
      callbacks.insert(0, TeacherRefresh(self._panns, self.experiment, self.step))
    self._panns.fit(batches, verbose=0, callbacks=callbacks)


class TeacherRefresh(tf.keras.callbacks.Callback):
  """A new snapshot of the network every pseudo_label_interval steps of stage 2."""

  def __init__(self, panns, experiment, first_step):
    super().__init__()
    self._panns = panns
    self._interval = experiment.pseudo_label_interval
    self._done = first_step - experiment.stage1_steps
    self._first = self._done

  def on_train_batch_begin(self, batch, logs=None):
    done = self._first + batch
    if done and done % self._interval == 0:
      self._panns.refresh_teacher()


def check_stage1_run(run_dir, experiment, store):
  """The other run's checkpoints. Raises InputError if its stage 1 is not the one this run would train."""
  directory = RunDirectory(run_dir)
  theirs, _, _ = directory.require_run()
  changed = differences(experiment, theirs, ignoring=STAGE_2_FIELDS)
  if changed:
    raise InputError(
      f"--stage1_run={run_dir}: its stage 1 is another: {'; '.join(changed)}; give these alike, or leave the "
      "flag out."
    )
  directory.require_same_data(store)
  return directory.checkpoints


def configure_tensorflow(experiment: Experiment, threads, jit_compile):
  """Determinism, seeds and threads (within and between operations; 0 for a default), before the first op
  runs."""
  within = threads[0] or os.cpu_count()
  tf.config.threading.set_intra_op_parallelism_threads(within)
  tf.config.threading.set_inter_op_parallelism_threads(threads[1] or within)
  if not jit_compile:  # XLA has no deterministic gradient of max-pooling and refuses it
    tf.config.experimental.enable_op_determinism()
  tf.keras.utils.set_random_seed(experiment.seed)


def main(_):
  args = flags.FLAGS
  store = read_store(args.data_dir)
  experiment = experiment_from_flags(args, store.spacing_mm)
  directory = RunDirectory(args.run_dir)
  with directory.locked():
    directory.open_for_training(experiment, store)
    if args.verify_store:
      verify(store.cases)
    stage1 = check_stage1_run(args.stage1_run, experiment, store) if args.stage1_run else None
    configure_tensorflow(experiment, (args.threads, args.inter_op_threads), args.jit_compile)
    store = at_spacing(store, experiment.spacing_mm, directory.resampled, args.max_voxels)
    intervals = Intervals(args.log_interval, args.checkpoint_interval, args.validation_interval)
    training = Training(directory, experiment, store, intervals, args.jit_compile)
    step, total = training.resume(stage1), experiment.stage1_steps + experiment.stage2_steps
    if step == total:
      print(f"{directory.path}: finished at step {total}; nothing to do.")
      return
    print(
      f"{directory.path}: {experiment.supervision}, {training.describe()}; step {step} of {total}", flush=True
    )
    for line in training.warnings():
      print(f"warning: {line}", flush=True)
    training.run()
    print(f"{directory.path}: finished at step {total}")


if __name__ == "__main__":
  define_flags()
  command.run(main)
