"""python -m deeplab_panns.predict: CT volumes in, label maps on the same grids out."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from absl import flags

from data import command
from data.input_error import InputError
from data.reading.value_names import ORGANS_BESIDE
from data.stored.shards import parse_shard
from deeplab_panns import inference_flags
from deeplab_panns.portable.onnx_model import is_onnx, open_onnx
from deeplab_panns.postprocessing.mending import MendedSegmenter, Mending
from deeplab_panns.prediction.case_outputs import ENDINGS, WantedOutputs
from deeplab_panns.prediction.checked_scan import say
from deeplab_panns.prediction.finished import series_by_id
from deeplab_panns.prediction.input_names import (
  case_ids,
  named_by_path,
  named_by_series,
  require_no_patients,
)
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.prediction.model_identity import identity_of_files, identity_of_weights
from deeplab_panns.prediction.opened_model import OpenedModel, on_tensorflow
from deeplab_panns.prediction.prediction import (
  TABLES,
  Request,
  Summary,
  predict_files,
  prediction_outputs,
)
from deeplab_panns.segmentation.application import Application, applied
from deeplab_panns.segmentation.peak_memory import peak_memory_gb

# Flags that labels depend on besides the model and the scan: a case that was made with others is made again.
LABEL_FLAGS = ("assume_hu", "nifti_header", *inference_flags.LABELS)


def define_flags() -> None:
  flags.DEFINE_string("run_dir", None, "The run whose network predicts.")
  flags.DEFINE_list(
    "run_dirs",
    [],
    "Or: runs of one organ list; the mean of their probabilities predicts. If they differ in view, "
    "network or spacing, TMPDIR must have room for 2 bytes a voxel and class.",
  )
  flags.DEFINE_string("model", None, "Or: the exported model that predicts.")
  flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which checkpoint of the run or runs.")
  flags.DEFINE_string(
    "input",
    None,
    "An image file, a folder of DICOM slices, a zip, or a folder with any of these, at any depth. Each "
    "series of a folder is a case.",
    required=True,
  )
  flags.DEFINE_string(
    "output_dir",
    None,
    f"Where each scan's label map and preview go, and {', '.join(TABLES)}. The same command goes on where it "
    "was stopped: cases of the same scan, model and settings are kept.",
    required=True,
  )
  flags.DEFINE_list(
    "output_format",
    ["nifti"],
    "The label map's, one or several: "
    + ", ".join(f"{name} (<id>{ending})" for name, ending in ENDINGS.items())
    + ". The DICOM formats refer to the slices of a DICOM series.",
  )
  flags.DEFINE_enum(
    "seg_type",
    "binary",
    ["binary", "labelmap"],
    "Of dicom_seg: frames of slice and organ, which all viewers read, or of slices alone (DICOM 2024e).",
  )
  flags.DEFINE_bool("output_masks", False, "Also <id>_masks/<organ>.nii.gz, 0 and 1.")
  flags.DEFINE_bool(
    "output_probabilities",
    False,
    "Also <id>_probabilities/<organ>.nii.gz, 0 to 1 in steps of 1/255; the network is applied twice.",
  )
  flags.DEFINE_bool("preview", True, "Also <id>.png: three planes, the organs from the front, their volumes.")
  flags.DEFINE_integer(
    "jobs", 1, "Scans in hand at a time: others are read and written while the network works on one.", 1
  )
  flags.DEFINE_string(
    "shard",
    None,
    "I/N: predict the I-th of N shares of the scans, for job arrays; all write to one --output_dir, whose "
    "tables are whole once the last one ends.",
  )
  flags.DEFINE_bool(
    "overwrite",
    False,
    "Predict finished cases anew, and replace files that predict did not write; never an input.",
  )
  flags.DEFINE_bool(
    "keep_patient_ids",
    False,
    "Name outputs by folders and files of DICOM that bear the patient's name or id; else that is refused.",
  )
  flags.DEFINE_bool("assume_hu", False, "Segment also what does not look like a CT in HU.")
  flags.DEFINE_enum(
    "nifti_header",
    None,
    ["sform", "qform"],
    "The one that holds where a NIfTI file's sform and qform disagree; default: refuse such a file.",
  )
  inference_flags.define_flags()


def open_model(
  run_dir: str | None,
  model: str | None,
  checkpoint: str,
  run_dirs: Sequence[str] = (),
  how: Application | None = None,
) -> OpenedModel:
  """What predicts: a run, several runs or an exported model.

  TensorFlow is imported only where it is needed: an ONNX file runs without.

  Args:
    how: the networks of runs are applied; None: as in training.
  Raises:
    InputError: If none or several are given, it is no such folder, the runs have different organs, or an
      exported model should be applied in another way than it was exported for.
  """
  if sum(map(bool, (run_dir, model, run_dirs))) != 1:
    raise InputError("predict: needs exactly one of --run_dir, --run_dirs and --model.")
  if model:
    if checkpoint != "last":
      raise InputError(f"{model}: an exported model is of one checkpoint; leave --checkpoint out.")
    if how and how != Application():
      raise InputError(
        f"{model}: an exported model is applied as it was exported; leave --test_scales, --crop_to_body and "
        "--memory_gb out, or name the run (--run_dir)."
      )
    if is_onnx(model):
      if (pathlib.Path(model) / "saved_model.pb").exists():
        raise InputError(
          f"{model}: holds model.onnx and a SavedModel, which may be of two runs; name the one file, or move "
          "the other away."
        )
      opened_file = open_onnx(model)
      return OpenedModel(
        opened_file.segmenter, tuple(opened_file.organs), opened_file.scans, identity_of_files(model)
      )
    from deeplab_panns.exports.saved_model import open_saved_model

    return on_tensorflow(open_saved_model(model), identity_of_files(model))
  from deeplab_panns.runs.trained import TrainedRun, TrainedRuns, open_run, open_runs

  opened: TrainedRun | TrainedRuns
  opened = open_run(run_dir, checkpoint) if run_dir else open_runs(run_dirs, checkpoint)
  runs = [opened] if isinstance(opened, TrainedRun) else opened.runs
  members = [(repr(run.segmenter.grid), run.segmenter.network.variables) for run in runs]
  model_of_runs = on_tensorflow(opened, identity_of_weights(members))
  if how is None:
    return model_of_runs
  from deeplab_panns.prediction.on_tensorflow import OnTensorFlow

  segmenter = applied([run.segmenter for run in runs], how)
  return dataclasses.replace(model_of_runs, segmenter=OnTensorFlow(segmenter))


def main(_: Any) -> None:
  args = flags.FLAGS
  how, mending = inference_flags.application(args), inference_flags.mending(args)
  wanted = WantedOutputs(
    tuple(args.output_format), args.seg_type, args.output_masks, args.output_probabilities, args.preview
  )
  found = find_inputs(args.input)
  ids = case_ids(found.root, found.scans, series_by_id(args.output_dir))
  if not args.keep_patient_ids:
    require_no_patients(ids)
  lines = (found.not_used(), named_by_path(found.root, ids), named_by_series(ids))
  if args.shard:
    shard = parse_shard(args.shard)
    ids = {name: scan for position, (name, scan) in enumerate(ids.items()) if shard.takes(position)}
  outputs = prediction_outputs(found, ids, args.output_dir, args.overwrite, wanted, bool(args.shard))
  for line in lines:
    if line:
      say(line)
  opened = open_model(args.run_dir, args.model, args.checkpoint, args.run_dirs, how)
  begun = time.monotonic()
  if mending != Mending():
    opened = dataclasses.replace(opened, segmenter=MendedSegmenter(opened.segmenter, opened.organs, mending))
  request = Request(
    wanted,
    args.assume_hu,
    args.nifti_header or "",
    opened.identity,
    {name: getattr(args, name) for name in LABEL_FLAGS},
    args.jobs,
    args.overwrite,
  )
  summary = predict_files(opened, ids, outputs, request)
  seconds = time.monotonic() - begun
  say(
    f"{outputs.folder}: {_told(summary)}; values 1 to {len(opened.organs)} are the organs in "
    f"{outputs.folder / ORGANS_BESIDE}; {seconds:.0f} s, at most {peak_memory_gb():.2f} GB of memory"
  )


def _told(summary: Summary) -> str:
  """How many cases, and how fast the network was."""
  maps = "1 label map" if summary.predicted == 1 else f"{summary.predicted} label maps"
  if summary.slices:
    maps += f" ({summary.network_seconds / summary.slices:.2g} s a slice)"
  return f"{maps}, {summary.kept} kept as they were finished before" if summary.kept else maps


if __name__ == "__main__":
  define_flags()
  command.run(main)
