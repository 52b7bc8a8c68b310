"""python -m deeplab_panns.predict: CT volumes in, label maps on the same grids out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from absl import flags

from data import command
from data.input_error import InputError
from deeplab_panns.exports.saved_model import SavedModel, open_saved_model
from deeplab_panns.prediction.input_names import case_ids, named_by_path
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.prediction.prediction import ORGANS, predict_files, prediction_outputs, say
from deeplab_panns.runs.trained import TrainedRun, TrainedRuns, open_run, open_runs
from deeplab_panns.segmentation.peak_memory import peak_memory_gb


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
  flags.DEFINE_string(
    "input",
    None,
    "An image file, or a folder: image files and DICOM series in it, at any depth.",
    required=True,
  )
  flags.DEFINE_string("output_dir", None, f"Where <id>.nii.gz and {ORGANS} go.", required=True)
  flags.DEFINE_bool("overwrite", False, "Replace files that predict did not write; never an input.")
  flags.DEFINE_bool("assume_hu", False, "Segment also what does not look like a CT in HU.")
  flags.DEFINE_enum(
    "nifti_header",
    None,
    ["sform", "qform"],
    "The one that holds where a NIfTI file's sform and qform disagree; default: refuse such a file.",
  )


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
  found = find_inputs(args.input)
  ids = case_ids(found.root, found.scans)
  outputs = prediction_outputs(found, ids, args.output_dir, args.overwrite)
  for line in (found.not_used(), named_by_path(found.root, ids)):
    if line:
      say(line)
  opened, begun = open_model(args.run_dir, args.model, args.checkpoint, args.run_dirs), time.monotonic()
  predict_files(opened, ids, outputs, args.assume_hu, args.nifti_header or "")
  seconds = time.monotonic() - begun
  maps = "1 label map" if len(ids) == 1 else f"{len(ids)} label maps"
  say(
    f"{outputs.folder}: {maps}; values 1 to {len(opened.organs)} are the organs in "
    f"{outputs.folder / ORGANS}; {seconds:.0f} s, at most {peak_memory_gb():.2f} GB of memory"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
