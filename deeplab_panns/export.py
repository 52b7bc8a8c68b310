"""python -m deeplab_panns.export: a trained run as a SavedModel or an ONNX file, with a model card."""

from __future__ import annotations

import pathlib
from typing import Any

from absl import flags

from data import command
from deeplab_panns.exports.facts import facts_of
from deeplab_panns.exports.onnx_file import onnx_outputs, require_onnx, write_onnx
from deeplab_panns.exports.saved_model import require_replaceable, write_saved_model
from deeplab_panns.runs.trained import open_run


def define_flags() -> None:
  flags.DEFINE_string("run_dir", None, "The run to export.", required=True)
  flags.DEFINE_string(
    "output_dir",
    None,
    "The SavedModel to write, or the folder of model.onnx; what export wrote before is replaced.",
    required=True,
  )
  flags.DEFINE_enum(
    "format",
    "saved_model",
    ["saved_model", "onnx"],
    "saved_model: the whole way from HU to labels, for TensorFlow; onnx: the network, for ONNX Runtime.",
  )
  flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which checkpoint of the run.")
  flags.DEFINE_bool("overwrite", False, "Replace also a model of others; never a folder of other files.")


def main(_: Any) -> None:
  args = flags.FLAGS
  if args.format == "onnx":
    require_onnx()
    outputs = onnx_outputs(args.output_dir, args.overwrite)
  else:
    require_replaceable(args.output_dir, args.overwrite)
  run = open_run(args.run_dir, args.checkpoint)
  facts = facts_of(run)
  what = "SavedModel"
  if args.format == "onnx":
    difference = write_onnx(run.segmenter, facts, outputs)
    what = f"ONNX file (probabilities within {difference:.0e} of TensorFlow's)"
  else:
    write_saved_model(run.segmenter, run.organs, args.output_dir, run.scans, facts)
  size = sum(file.stat().st_size for file in pathlib.Path(args.output_dir).rglob("*") if file.is_file())
  print(
    command.one_line(
      f"{args.output_dir}: {what} of {args.run_dir} at step {run.step}, {len(run.organs)} organs, "
      f"{size / 1e6:.1f} MB"
    )
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
