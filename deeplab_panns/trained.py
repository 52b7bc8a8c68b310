"""Opens a finished or running training for use: its settings, its organs, its network as a Segmenter."""
from __future__ import annotations

import dataclasses

from deeplab_panns import checkpoints, networks
from deeplab_panns.config import Experiment
from deeplab_panns.inference import InputGrid, Segmenter
from deeplab_panns.run_directory import RunDirectory


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
  segmenter: Segmenter
  step: int


def open_run(run_dir, checkpoint="last"):
  """Loads a run's network. Raises InputError if there is no run or no such checkpoint."""
  directory = RunDirectory(run_dir)
  experiment, organs, data_dir = directory.require_run()
  network = networks.build_network(experiment, len(organs) + 1)
  step = checkpoints.restore_network(network, directory.checkpoints, checkpoint)
  return TrainedRun(directory, experiment, organs, data_dir, segmenter_of(network, experiment, organs), step)


def segmenter_of(network, experiment: Experiment, organs):
  grid = InputGrid(experiment.view, experiment.slices_per_input, experiment.spacing_mm)
  return Segmenter(network, grid, len(organs) + 1)
