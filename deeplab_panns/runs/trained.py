"""Finished or running trainings opened for use: settings, organs, and the network as a segmenter of
volumes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence

import tensorflow as tf

from data.batches.separate_slices import require_single_slices
from data.input_error import InputError
from data.stored.splits import Splits, only_annotating, split
from data.stored.store import Store, StoredCase
from deeplab_panns.runs import checkpoints
from deeplab_panns.runs.build_network import build_network
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.segmentation.ensemble import Ensemble
from deeplab_panns.segmentation.familiar_scans import ScanRanges, ranges_of_training, seen_by_all
from deeplab_panns.segmentation.slabs import SlabSegmenter
from deeplab_panns.segmentation.slice_segmenter import SliceSegmenter
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows


@dataclasses.dataclass(frozen=True)
class TrainedRun:
  """
  Attributes:
    organs: in the order of the labels 1…K.
    data_dir: the store it was trained on.
    step: of the checkpoint.
    fingerprint: of the store's content in training.
    labeled: hashes of the labelled cases that it was trained on, as of `labeled_hashes`.
    patients: `patients_hash` of the store; "" where the run did not record it.
    scans: the ranges of the scans in training; {} in runs of versions that did not write them.
  """

  directory: RunDirectory
  experiment: Experiment
  organs: tuple[str, ...]
  data_dir: str
  segmenter: SlabSegmenter
  step: int
  scans: ScanRanges = dataclasses.field(default_factory=dict)
  fingerprint: str = ""
  labeled: tuple[str, ...] = ()
  patients: str = ""

  def require_fit(self, cases: Iterable[StoredCase]) -> None:
    """Raises InputError if a case has separate slices, and the network looks at more than one axial slice."""
    require_single_slices(cases, self.experiment.sampling)


@dataclasses.dataclass(frozen=True)
class TrainedRuns:
  """Several runs of one organ list, which segment as one.

  Attributes:
    runs: at least one.
    segmenter: the mean of their probabilities.
  """

  runs: tuple[TrainedRun, ...]
  segmenter: Ensemble

  @property
  def organs(self) -> tuple[str, ...]:
    """In the order of the labels 1…K."""
    return self.runs[0].organs

  @property
  def data_dir(self) -> str:
    """The store the first run was trained on."""
    return self.runs[0].data_dir

  @property
  def scans(self) -> ScanRanges:
    """What every run saw in training: the labels are the mean of all."""
    return seen_by_all([run.scans for run in self.runs])


def open_run(run_dir: str | os.PathLike[str], checkpoint: str = "last") -> TrainedRun:
  """Loads a run's network.

  Args:
    checkpoint: "last" or "best".
  Raises:
    InputError: If there is no run or no such checkpoint.
  """
  directory = RunDirectory(run_dir)
  settings = directory.settings()
  scans = ranges_of_training(directory.data, settings.scans, settings.experiment.spacing_mm)
  network = build_network(settings.experiment, len(settings.organs) + 1)
  step = checkpoints.restore_network(network, directory.checkpoints, checkpoint)
  segmenter = segmenter_of(network, settings.experiment, settings.organs)
  return TrainedRun(
    directory,
    settings.experiment,
    settings.organs,
    settings.data_dir,
    segmenter,
    step,
    scans,
    settings.fingerprint,
    settings.labeled,
    settings.patients,
  )


def splits_of(run: TrainedRun, store: Store) -> Splits:
  """The cases of its own store that a run was trained on, no partial ones if it used none, and those that it
  held out."""
  held_out, stage2 = run.experiment.held_out, run.experiment.stage2
  splits = split(store, held_out.fold, held_out.validation_fraction, run.experiment.seed)
  if not stage2.has_partial:
    return dataclasses.replace(splits, partial=())
  return only_annotating(splits, stage2.partial_organs, store) if stage2.partial_organs else splits


def open_runs(run_dirs: Sequence[str | os.PathLike[str]], checkpoint: str = "last") -> TrainedRuns:
  """Loads several runs as one ensemble; they may differ in all but their organs.

  Raises:
    InputError: As open_run, and if there is none or two have different organs, or the same ones in another
      order.
  """
  if not run_dirs:
    raise InputError("--run_dirs: names no run; give folders of runs, separated by commas.")
  organs = [RunDirectory(run_dir).settings().organs for run_dir in run_dirs]  # before any network is built
  for run_dir, theirs in zip(run_dirs, organs):
    if theirs != organs[0]:
      raise InputError(
        f"{run_dir}: was trained for the organs {list(theirs)}, {run_dirs[0]} for {list(organs[0])}; only "
        "runs "
        "of one list in one order can be averaged: leave one of the two out, or train them on stores of one "
        "list."
      )
  runs = tuple(open_run(run_dir, checkpoint) for run_dir in run_dirs)
  return TrainedRuns(runs, Ensemble([run.segmenter for run in runs]))


def segmenter_of(
  network: tf.keras.Model, experiment: Experiment, organs: Sequence[str]
) -> SliceSegmenter | VolumeSegmenter:
  """What applies an experiment's network to volumes: slice by slice, or window by window if it is 3-D."""
  grid = experiment.input_grid
  if isinstance(grid, Windows):
    return VolumeSegmenter(network, grid, len(organs) + 1)
  return SliceSegmenter(network, grid, len(organs) + 1)
