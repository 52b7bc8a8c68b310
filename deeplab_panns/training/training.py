"""One run: what it trains, what it reads, and the order of its two stages."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from data.batches.patches import PatchSampling
from data.input_error import InputError
from data.stored.store import Store
from data.stored.unchanged import Unchanged
from deeplab_panns.distribution.team import Team
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.prior import Prior
from deeplab_panns.method.replicas import value_of
from deeplab_panns.prior_check.check import disagreements
from deeplab_panns.runs.checkpoints import Checkpoints
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.runs.trained import segmenter_of
from deeplab_panns.training import assembly
from deeplab_panns.training.faults import Faults
from deeplab_panns.training.follower import Follower
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.profile import Profile
from deeplab_panns.training.progress import Intervals, Progress
from deeplab_panns.training.scalars import Scalars
from deeplab_panns.training.step_display import StepDisplay
from deeplab_panns.training.validation import Validator


class Training:
  """A run from where it was left to its end.

  Attributes:
    experiment: what is trained.
    panns: the model; its optimizer's iterations are the step.
    begun_from: path of the checkpoint that `resume` took; "" for new weights.
  """

  def __init__(
    self,
    directory: RunDirectory,
    experiment: Experiment,
    store: Store,
    intervals: Intervals,
    interruption: Interruption,
    jit_compile: bool = False,
    team: Team = Team(),  # noqa: B008 - one device, which has no state
  ):
    """Args:
      store: at the spacing of training.
      team: the replicas; all their processes do this together.

    Raises:
      InputError: If the store does not have what the experiment needs.
    """
    self.experiment = experiment
    self.begun_from = ""
    self._team, self._interruption = team, interruption
    self._store = store
    self._splits = assembly.split_cases(store, experiment)
    self._batches = assembly.make_batches(store, self._splits, experiment)
    prior = team.chief_first(
      lambda: assembly.make_prior(directory.prior, store, self._splits, self._batches, experiment.stage2)
    )
    with team.scope():
      self.panns = assembly.make_panns(experiment, prior, len(store.organs) + 1, jit_compile)
    self._checkpoints = Checkpoints(self.panns, directory.checkpoints, intervals.kept, writes=team.is_chief)
    self._faults = Faults(experiment, Unchanged(store.cases), self._checkpoints)
    out = None if team.is_chief else open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - while it trains
    stages = (experiment.stage1.steps, experiment.stage2.steps)
    self._display = StepDisplay(directory.path.name, stages, out, out)
    self._progress = (
      self._chiefs_progress(directory, prior, intervals, interruption)
      if team.is_chief
      else Follower(self.panns, self._checkpoints, intervals, interruption)
    )
    self._profile = Profile(directory.events, intervals.profile) if intervals.profile else None

  def _chiefs_progress(
    self, directory: RunDirectory, prior: Prior, intervals: Intervals, interruption: Interruption
  ) -> Progress:
    experiment, store = self.experiment, self._store
    validator = Validator(
      segmenter_of(self.panns.network, experiment, store.organs),
      store.organs,
      self._splits.validation or self._splits.labeled[:1],
      held_out=bool(self._splits.validation),
      three_planes=experiment.is_3d,
    )
    rates = assembly.learning_rates(experiment)
    scalars = Scalars(directory.events, self.panns, rates, prior, experiment)
    return Progress(
      self._display,
      self.panns,
      self._checkpoints,
      scalars,
      intervals,
      validator,
      interruption,
      self._faults,
    )

  @property
  def step(self) -> int:
    """Steps done, of both stages."""
    return value_of(self.panns.optimizer.iterations)

  def describe(self) -> str:
    splits = self._splits
    return (
      f"{len(splits.labeled)} labelled and {len(splits.partial)} partial cases, "
      f"{len(splits.validation)} for validation, {len(splits.test)} held out as test"
    )

  def warnings(self) -> list[str]:
    """What the user should know before it starts: partial cases that speak against the prior, padded
    patches."""
    stage2 = self.experiment.stage2
    anchored = stage2.has_partial and stage2.objective.anchored_prior
    held = anchored or stage2.holds_to_prior
    lines = disagreements(self._store, self._splits, anchored, self.experiment.cases_alike) if held else []
    lost = self._batches.without_anchor
    if lost:
      lines.append(
        f"{len(lost)} of {len(self._splits.partial)} partial cases ({', '.join(lost[:3])}"
        f"{', ...' if len(lost) > 3 else ''}) show too little of what they annotate for an anchor; the prior "
        "does not count them."
      )
    sampling = self.experiment.sampling
    if not isinstance(sampling, PatchSampling):
      return lines
    patch = sampling.patch_size
    cases = self._splits.labeled + self._splits.partial
    smaller = [case.id for case in cases if any(n < side for n, side in zip(case.shape, patch))]
    if smaller:
      lines.append(
        f"{len(smaller)} cases ({', '.join(smaller[:3])}{', ...' if len(smaller) > 3 else ''}) are smaller "
        f"than --patch_size={','.join(map(str, patch))}; they are padded, and the padding counts nowhere."
      )
    return lines

  def resume(self, stage1_checkpoints: pathlib.Path | None = None) -> int:
    """Goes on from the run's own last checkpoint, or from another run's stage 1; returns the step."""
    self.begun_from = self._checkpoints.restore_latest()
    if not self.begun_from and stage1_checkpoints is not None:
      self.begun_from = self._checkpoints.restore_stage1(stage1_checkpoints)
      self._checkpoints.save("last", self.step)
    return self.step

  @property
  def finished(self) -> bool:
    """Whether nothing is left to do.

    A run without stage 2 may have been killed after its last step and before its stage 1 had a checkpoint.
    """
    owes_stage1 = self.step == self.experiment.stage1.steps and not self._checkpoints.latest("stage1")
    owes = owes_stage1 or self._checkpoints.owes_validation(self.step)
    return self.step == self.experiment.steps and not owes

  def run(self) -> None:
    """Trains to the end.

    Raises:
      InputError: If the loss stops being finite, memory or disk are full, or the store changes.
    """
    try:
      if self._checkpoints.owes_validation(self.step):
        self._progress.make_up_for_validation(self.step)
      self._run_stages()
      self._checkpoints.wait()
    finally:
      self._checkpoints.settle()
      self._display.end()

  def _run_stages(self) -> None:
    stage1, total = self.experiment.stage1.steps, self.experiment.steps
    if self.step < stage1:
      self._fit(self._batches.labeled, stage1, has_partial=False)
    if self.step == stage1:
      self._checkpoints.save("stage1", stage1)
      self._enter_stage2()
    if self.experiment.stage2.freeze_batch_norm:
      self.panns.freeze_batch_norm()
    mixed = self.experiment.stage2.has_partial
    stream = self._batches.mixed if mixed else self._batches.labeled
    if self.step < total:
      self._fit(stream, total, has_partial=mixed)

  def _enter_stage2(self) -> None:
    """The learning rate jumps: Keras' SGD velocity carries the old rate and would push on for some forty
    steps.

    Adam's moments are of raw gradients; they stay."""
    if self.experiment.descent.optimizer == "sgd":
      for model in (self.panns, self.panns.peer):
        for velocity in model.optimizer.momentums if model else ():
          velocity.assign(tf.zeros_like(velocity))
    self.panns.refresh_teacher()

  def _fit(self, stream: Callable[..., tf.data.Dataset], last_step: int, has_partial: bool) -> None:
    first_step = self.step
    self._progress.begin(first_step, last_step, has_partial)
    callbacks: list[tf.keras.callbacks.Callback] = [self._progress]
    if has_partial and not self.experiment.stage2.objective.teacher_decay:
      done = self.step - self.experiment.stage1.steps
      callbacks.insert(0, TeacherRefresh(self.panns, self.experiment.stage2.pseudo_label_interval, done))
    if self._profile:
      callbacks.append(self._profile.from_step(first_step))
    batches = self._team.dealt(lambda share: stream(first_step, last_step, share))
    try:
      with self._faults.named(), self._team.lost_workers_named(self._checkpoints.latest):
        self.panns.fit(batches, verbose=0, callbacks=callbacks, steps_per_epoch=last_step - first_step)
    except InputError:
      if not self._team.is_chief:  # the chief may have gone because the scheduler ends all of them
        self._interruption.heed()
      raise


class TeacherRefresh(tf.keras.callbacks.Callback):
  """A new snapshot of the network every `interval` steps of stage 2."""

  def __init__(self, panns: PaNN, interval: int, steps_done: int):
    """Args:
    steps_done: of stage 2, before `fit` begins.
    """
    super().__init__()
    self._panns = panns
    self._interval = interval
    self._steps_done = steps_done

  def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
    done = self._steps_done + batch
    if done and done % self._interval == 0:
      self._panns.refresh_teacher()
