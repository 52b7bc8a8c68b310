"""What a run starts from, and how experiment.json names it: by content, whatever the path."""

from __future__ import annotations

import dataclasses
import pathlib

import tensorflow as tf

from data.files.file_hash import file_sha256
from data.input_error import InputError
from deeplab_panns.pretrained.earlier_run import load_from_run
from deeplab_panns.pretrained.imagenet import Loaded, load_imagenet, require_backbone
from deeplab_panns.runs.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Start:
  """
  Attributes:
    pretrained: a file of public weights, as `read_tensors` takes it; "" for none.
    init_from: the folder of another run; "" for none.
  """

  pretrained: str = ""
  init_from: str = ""

  def named_in(self, experiment: Experiment) -> Experiment:
    """The experiment with the names of what it starts from.

    Raises:
      InputError: If both are given, or one does not exist or is of no use for the network.
    """
    if self.pretrained and self.init_from:
      raise InputError("--pretrained, --init_from: a run starts from one of the two; leave one out.")
    if self.pretrained:
      require_backbone(experiment.network)
      return dataclasses.replace(experiment, pretrained=_name_of_file(self.pretrained))
    if self.init_from:
      return dataclasses.replace(experiment, init_from=_name_of_run(self.init_from))
    return experiment

  def load(self, network: tf.keras.Model, experiment: Experiment) -> Loaded | None:
    """Sets the network's weights; None if there is nothing to start from.

    Raises:
      InputError: If the file or run does not fit the network.
    """
    if self.pretrained:
      return load_imagenet(network, require_backbone(experiment.network), self.pretrained)
    return load_from_run(network, self.init_from) if self.init_from else None


def _name_of_file(path: str) -> str:
  """The file's name and the start of its sha256."""
  file = pathlib.Path(path)
  index = file if file.suffix == ".index" else pathlib.Path(f"{path}.index")
  if not index.is_file() and not file.is_file():
    raise InputError(
      f"--pretrained={path}: there is no such file; name a TF1 checkpoint (its .index), a Keras .h5 or a "
      ".safetensors file."
    )
  return _named(file.name, index if index.is_file() else file)


def _name_of_run(run_dir: str) -> str:
  """The folder's name and the start of its last checkpoint's sha256."""
  folder = pathlib.Path(run_dir)
  indices = folder.glob("checkpoints/last/ckpt-*.index")
  steps = {int(index.stem.partition("-")[2]): index for index in indices if index.stem[5:].isdigit()}
  if not steps:
    raise InputError(
      f"--init_from={run_dir}: holds no run with a checkpoint; name a folder that "
      "`python -m deeplab_panns.train` wrote."
    )
  return _named(folder.name, steps[max(steps)])


def _named(name: str, path: pathlib.Path) -> str:
  """By the index of a checkpoint too, which holds checksums of all its tensors."""
  return f"{name} sha256:{file_sha256(path)[:16]}"
