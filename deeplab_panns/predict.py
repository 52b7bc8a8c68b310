"""python -m deeplab_panns.predict: CT volumes in, label maps on the same grids out."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import Any

from absl import flags

from data import command
from data.input_error import InputError
from deeplab_panns.runs.trained import TrainedRun, TrainedRuns, open_run, open_runs
from deeplab_panns.segmentation.peak_memory import peak_memory_gb
from deeplab_panns.segmentation.prediction import find_inputs, predict_files
from deeplab_panns.segmentation.saved_model import SavedModel, open_saved_model


def define_flags() -> None:
  flags.DEFINE_string("run_dir", None, "The run whose network predicts.")
  flags.DEFINE_list(
    "run_dirs",
    [],
    "Or: runs of one organ list; the mean of their probabilities predicts. If they differ in view, "
    "network or spacing, TMPDIR must have room for 2 bytes a voxel and class.",
  )
  flags.DEFINE_string("model", None, "Or: the SavedModel that predicts.")
  flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which checkpoint of the run or runs.")
  flags.DEFINE_string("input", None, "An image file, a DICOM folder, or a folder of such.", required=True)
  flags.DEFINE_string("output_dir", None, "Where <id>.nii.gz and organs.json go.", required=True)


def open_model(
  run_dir: str | None, model: str | None, checkpoint: str, run_dirs: Sequence[str] = ()
) -> TrainedRun | TrainedRuns | SavedModel:
  """What predicts: a run, a SavedModel or several runs; all of them have a segmenter and organs.

  Raises:
    InputError: If none or several are given, it is no such folder, or the runs have different organs.
  """
  if sum(map(bool, (run_dir, model, run_dirs))) != 1:
    raise InputError("predict: needs exactly one of --run_dir, --run_dirs and --model.")
  if run_dir:
    return open_run(run_dir, checkpoint)
  return open_saved_model(model) if model else open_runs(run_dirs, checkpoint)


def main(_: Any) -> None:
  args = flags.FLAGS
  sources = find_inputs(args.input)
  opened = open_model(args.run_dir, args.model, args.checkpoint, args.run_dirs)
  output_dir, begun = pathlib.Path(args.output_dir), time.monotonic()
  predict_files(opened.segmenter, opened.organs, sources, output_dir)
  seconds = time.monotonic() - begun
  print(
    f"{output_dir}: {len(sources)} label maps; values 1 to {len(opened.organs)} are the organs in "
    f"{output_dir / 'organs.json'}; {seconds:.0f} s, at most {peak_memory_gb():.2f} GB of memory"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
