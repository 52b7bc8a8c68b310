"""The parts of a run put together: its cases, its batches, its prior, and the model that trains."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from data.arrays import Floats
from data.atlas.placed import PlacedAtlas
from data.batches.pipeline import Batches
from data.input_error import InputError
from data.stored.splits import Splits, as_unlabeled, only_annotating, split
from data.stored.store import Store
from deeplab_panns.distribution.devices import Devices
from deeplab_panns.method.dual import Duals
from deeplab_panns.method.loss_scale import LossScale
from deeplab_panns.method.panns import PaNN
from deeplab_panns.method.partial_loss import FeatureRule
from deeplab_panns.method.prior import (
  Prior,
  correct_by_annotations,
  estimate_prior,
  load_prior,
  require_every_organ,
  save_prior,
)
from deeplab_panns.method.schedules import TwoStages
from deeplab_panns.networks.precision import computing_in
from deeplab_panns.prior_check.check import cases_that_agree
from deeplab_panns.rivals.co_training import CoTrained
from deeplab_panns.rivals.outliers import Outliers
from deeplab_panns.rivals.prototypes import Prototypes
from deeplab_panns.runs.build_network import build_network
from deeplab_panns.runs.experiment import Experiment, Stage2


def split_cases(store: Store, experiment: Experiment) -> Splits:
  """The store's cases by what the run does with them.

  Raises:
    InputError: If the fold does not exist, there is no partial case and the run trains on some, or so few
      labelled ones that none validates though some should.
  """
  held_out, stage2 = experiment.held_out, experiment.stage2
  splits = split(store, held_out.fold, held_out.validation_fraction, experiment.seed)
  if held_out.validation_fraction and not splits.validation:
    raise InputError(
      f"{store.path}: --validation_fraction={held_out.validation_fraction:g} of {len(splits.labeled)} fully "
      "labelled training cases is no case; give a larger share, or leave it out to validate on none."
    )
  if stage2.partial_organs and stage2.has_partial:
    splits = only_annotating(splits, stage2.partial_organs, store)
  if stage2.has_partial and not splits.partial:
    raise InputError(
      f"{store.path}: has no partially labelled case, which --supervision={stage2.supervision} trains on; "
      "add cases with fewer organs annotated, or use --supervision=full."
    )
  return splits


def make_batches(store: Store, splits: Splits, experiment: Experiment) -> Batches:
  """The run's streams of training batches: of slices or of patches, as its network takes them.

  Raises:
    InputError: If the prior finds no partial case that it can be held to.
  """
  stage2 = experiment.stage2
  if not stage2.objective.use_annotations:
    splits = as_unlabeled(splits)
  if not (stage2.has_partial and stage2.objective.anchored_prior):
    return Batches(store, splits, experiment.batch_plan, prior_cases(store, splits, experiment))
  if all(case.separate_slices for case in splits.labeled):
    raise InputError(
      f"{store.path}: all labelled cases are separate slices, which do not say what lies around an organ, so "
      "--anchored_prior has no atlas; leave it out."
    )
  atlas = PlacedAtlas(store.organs, splits.labeled, splits.partial)
  if not atlas.anchors_mm:
    raise InputError(
      f"{store.path}: no partial case shows an annotated organ that a labelled case has too, so "
      "--anchored_prior finds no anchor; leave it out."
    )
  return Batches(store, splits, experiment.batch_plan, atlas.anchors_mm, atlas)


def prior_cases(store: Store, splits: Splits, experiment: Experiment) -> frozenset[str] | None:
  """Ids of the partial cases that the prior counts, or None for all of them.

  Raises:
    InputError: If --prior_mismatch=exclude leaves none.
  """
  stage2 = experiment.stage2
  if stage2.prior_mismatch != "exclude" or not stage2.holds_to_prior:
    return None
  agreeing = cases_that_agree(store, splits, experiment.cases_alike)
  if not agreeing:
    raise InputError(
      f"{store.path}: the prior holds in no partial set, so --prior_mismatch=exclude leaves it nothing to "
      "count; use --prior_mismatch=correct or --supervision=partial. "
      "See python -m deeplab_panns.prior_check."
    )
  return agreeing


def make_prior(path: pathlib.Path, store: Store, splits: Splits, batches: Batches, stage2: Stage2) -> Prior:
  """The run's q: read from `path` if it is there, else estimated under the run's own sampling and saved
  there.

  Raises:
    InputError: If the run holds sizes to the prior and an organ has no labelled voxel.
  """
  if path.exists():
    return load_prior(path)
  labels = batches.prior_labels(stage2.prior_examples).as_numpy_iterator()
  prior = estimate_prior(store.organs, splits.labeled, labels)
  if stage2.prior_mismatch == "correct" and stage2.holds_to_prior:
    prior = correct_by_annotations(prior, batches.partial_labels(stage2.prior_examples).as_numpy_iterator())
  if stage2.supervision == "panns" or stage2.holds_to_prior or stage2.objective.anchored_prior:
    require_every_organ(prior, store.path)
  save_prior(prior, path)
  return prior


def learning_rates(experiment: Experiment) -> TwoStages:
  """The learning rate of Θ as a function of the step."""
  stage1, stage2 = experiment.stage1, experiment.stage2
  return TwoStages(
    (stage1.learning_rate, stage2.learning_rate),
    (stage1.steps, stage2.steps),
    experiment.descent.learning_rate_policy,
    stage2.warmup_steps,
  )


def make_panns(experiment: Experiment, prior: Prior, class_count: int, jit_compile: bool = False) -> PaNN:
  """Network, teacher, optimizer and dual variables, ready to fit.

  Args:
    class_count: K + 1.
  """
  # An organ without labels has q = 0; only `panns` refuses that (require_every_organ), the others just
  # measure.
  share = np.maximum(prior.target, 1e-8)
  share /= share.sum()
  with computing_in(experiment.mixed_precision):
    network, teacher = build_network(experiment, class_count), build_network(experiment, class_count)
  if not experiment.co_training:
    panns = PaNN(
      network, teacher, **_parts(experiment, share), feature_rule=_feature_rule(experiment, network)
    )
  else:
    with computing_in(experiment.mixed_precision):
      other, others_teacher = build_network(experiment, class_count), build_network(experiment, class_count)
    parts = {**_parts(experiment, share), "seed": experiment.seed + 1}  # masks of its own in dropout
    peer = PaNN(other, others_teacher, **parts, followed=network)
    panns = CoTrained(peer, network=network, teacher=teacher, **_parts(experiment, share))
    peer.compile(optimizer=_optimizer(experiment, other), jit_compile=jit_compile)
  panns.compile(optimizer=_optimizer(experiment, network), jit_compile=jit_compile)
  return panns


def _parts(experiment: Experiment, share: Floats) -> dict[str, Any]:
  """What a PaNN is made of besides its networks."""
  objective = experiment.stage2.objective
  return {
    "duals": Duals(share, objective.anchored_prior, objective.dual_floor),
    "objective": objective,
    "seed": experiment.seed,
    "loss_scale": LossScale() if experiment.mixed_precision == "float16" else None,
  }


def _feature_rule(experiment: Experiment, network: tf.keras.Model) -> FeatureRule | None:
  """A rival's, if the experiment has one and partial images that it is about."""
  rule = experiment.stage2.objective.feature_rule
  if rule == "none" or not experiment.stage2.has_partial:
    return None
  logits = network.get_layer("logits")
  sizes = (logits.output.shape[-1], logits.input.shape[-1])
  return Outliers(*sizes) if rule == "outliers" else Prototypes(*sizes)


def _optimizer(experiment: Experiment, network: tf.keras.Model) -> tf.keras.optimizers.Optimizer:
  descent = experiment.descent
  if descent.optimizer == "adam":
    optimizer = tf.keras.optimizers.Adam(learning_rates(experiment))
  else:
    optimizer = tf.keras.optimizers.SGD(learning_rates(experiment), momentum=descent.momentum)
  # so that a checkpoint finds its slots before the first step
  optimizer.build(network.trainable_variables)
  return optimizer


@dataclasses.dataclass(frozen=True)
class Resources:
  """How a run uses the machine; none of it decides what is trained.

  Attributes:
    threads: within an operation; 0: one for each core.
    inter_op_threads: operations at a time; 0: as many as `threads`.
    jit_compile: compile the step with XLA.
    deterministic: equal runs have equal bits. On a GPU some operations are slower for it, and some libraries'
      fastest kernels are not used.
    max_voxels: a case that `spacing_mm` would make larger is refused.
    devices: where the replicas are.
  """

  threads: int = 0
  inter_op_threads: int = 0
  jit_compile: bool = False
  max_voxels: int = 1_000_000_000
  deterministic: bool = True
  devices: Devices = Devices()
