"""Opens finished or running trainings for use: their settings, their organs, their networks as one that segments volumes."""
from __future__ import annotations

import dataclasses
from typing import Any

from data.input_error import InputError
from deeplab_panns.runs import checkpoints
from deeplab_panns.runs.build_network import build_network
from deeplab_panns.config import Experiment
from deeplab_panns.segmentation.ensemble import Ensemble
from deeplab_panns.segmentation.slabs import InputGrid, Segmenter, SlabSegmenter
from deeplab_panns.runs.run_directory import RunDirectory
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows


@dataclasses.dataclass(frozen=True)
class TrainedRun:
  """
  Attributes:
    organs: in the order of the labels 1…K.
    data_dir: the store it was trained on.
    step: of the checkpoint.
  """
  directory: RunDirectory
  experiment: Experiment
  organs: tuple[str, ...]
  data_dir: str
  segmenter: SlabSegmenter
  step: int


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
  def organs(self):
    """In the order of the labels 1…K."""
    return self.runs[0].organs

  @property
  def data_dir(self):
    """The store the first run was trained on."""
    return self.runs[0].data_dir

  @property
  def experiments(self):
    return tuple(run.experiment for run in self.runs)


def open_run(run_dir, checkpoint="last"):
  """Loads a run's network. Raises InputError if there is no run or no such checkpoint."""
  directory = RunDirectory(run_dir)
  experiment, organs, data_dir = directory.require_run()
  network = build_network(experiment, len(organs) + 1)
  step = checkpoints.restore_network(network, directory.checkpoints, checkpoint)
  return TrainedRun(directory, experiment, organs, data_dir, segmenter_of(network, experiment, organs), step)


def open_runs(run_dirs, checkpoint="last"):
  """Loads several runs as one ensemble; they may differ in all but their organs.

  Raises:
    InputError: As open_run, and if there is none or two have different organs, or the same ones in another order.
  """
  if not run_dirs:
    raise InputError("--run_dirs: names no run; give folders of runs, separated by commas.")
  organs = [RunDirectory(run_dir).require_run()[1] for run_dir in run_dirs]  # before any network is built
  for run_dir, theirs in zip(run_dirs, organs):
    if theirs != organs[0]:
      raise InputError(f"{run_dir}: was trained for the organs {list(theirs)}, {run_dirs[0]} for {list(organs[0])}; runs of one "
                       "list in one order can be averaged: leave one of the two out, or train them on stores of one list.")
  runs = tuple(open_run(run_dir, checkpoint) for run_dir in run_dirs)
  return TrainedRuns(runs, Ensemble([run.segmenter for run in runs]))


def segmenter_of(network, experiment: Any, organs) -> SlabSegmenter:
  """What applies an experiment's network to volumes: slice by slice, or window by window if it is 3-D."""
  if getattr(experiment, "network", "deeplab_v3") == "dltk_unet3d":
    return VolumeSegmenter(network, Windows(experiment.patch_size, experiment.spacing_mm), len(organs) + 1)
  grid = InputGrid(experiment.view, experiment.slices_per_input, experiment.spacing_mm)
  return Segmenter(network, grid, len(organs) + 1)
