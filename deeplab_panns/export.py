"""python -m deeplab_panns.export: a trained run as a SavedModel that needs TensorFlow alone."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile

import tensorflow as tf
from absl import flags

from data import command
from data.input_error import InputError
from deeplab_panns.runs.trained import open_run


def define_flags():
  flags.DEFINE_string("run_dir", None, "The run to export.", required=True)
  flags.DEFINE_string("output_dir", None, "The SavedModel to write; must not exist.", required=True)
  flags.DEFINE_enum("checkpoint", "last", ["last", "best"], "Which checkpoint of the run.")


def export(segmenter, organs, output_dir):
  """Writes a SavedModel.

  Its signature `serving_default` takes volume float32 [D, H, W] (HU; axes z, y, x in LPS order) and
  spacing_mm float32 [3] (z, y, x) and gives labels uint8 [D, H, W]; `probabilities` gives float16 [D, H, W, K
  + 1]. The organ names, label 1 first, lie in assets/organs.json.

  Args:
    output_dir: a folder that does not exist yet; it appears when it is whole.
  """
  output_dir = pathlib.Path(output_dir)
  output_dir.parent.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(dir=output_dir.parent, prefix=f".{output_dir.name}.") as temporary:
    asset = pathlib.Path(temporary) / "organs.json"
    asset.write_text(json.dumps(list(organs)), encoding="utf-8")
    # the weights and the signatures alone: saved as a Keras model, every layer would be traced once more
    module = tf.Module()
    module.weights = segmenter.network.variables
    module.organs = tf.saved_model.Asset(str(asset))
    model = pathlib.Path(temporary) / "model"
    tf.saved_model.save(
      module,
      str(model),
      signatures={"serving_default": segmenter.labels, "probabilities": segmenter.probabilities},
    )
    os.replace(model, output_dir)


def main(_):
  args = flags.FLAGS
  if os.path.exists(args.output_dir):
    raise InputError(f"{args.output_dir}: exists already; delete it or choose another --output_dir.")
  run = open_run(args.run_dir, args.checkpoint)
  export(run.segmenter, run.organs, args.output_dir)
  size = sum(file.stat().st_size for file in pathlib.Path(args.output_dir).rglob("*") if file.is_file())
  print(
    f"{args.output_dir}: SavedModel of {args.run_dir} at step {run.step}, {len(run.organs)} organs, "
    f"{size / 1e6:.1f} MB"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
