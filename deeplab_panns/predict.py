"""python -m deeplab_panns.predict: CT volumes in, label maps on the same grids out."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf
import tqdm
from absl import flags

from data import command
from data.formats import volumes
from data.input_error import InputError
from data.whole_file import write_text
from deeplab_panns.runs.trained import open_run, open_runs
from deeplab_panns.segmentation.peak_memory import peak_memory_gb


def define_flags():
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


def load_model(run_dir, model, checkpoint, run_dirs=()):
  """(labels function, organs) of a run, a SavedModel or several runs; a run's graph is the SavedModel's.

  The function takes float32 volume [z, y, x] in HU and spacing_mm [3] by name, and returns {"labels": uint8
  [z, y, x]}.

  Raises:
    InputError: If none or several are given, it is no such folder, or the runs have different organs.
  """
  if sum(map(bool, (run_dir, model, run_dirs))) != 1:
    raise InputError("predict: needs exactly one of --run_dir, --run_dirs and --model.")
  if not model:
    run = open_run(run_dir, checkpoint) if run_dir else open_runs(run_dirs, checkpoint)
    segmenter = run.segmenter
    return lambda **inputs: segmenter.labels(
      **inputs
    ), run.organs  # a bound tf.function alone would not keep it alive
  folder = pathlib.Path(model)
  asset = folder / "assets" / "organs.json"
  if not asset.is_file() or not (folder / "saved_model.pb").is_file():
    raise InputError(
      f"{model}: holds no SavedModel of this project (saved_model.pb, assets/organs.json); "
      "write one by `python -m deeplab_panns.export`."
    )
  loaded = tf.saved_model.load(model)
  return lambda **inputs: loaded.signatures["serving_default"](**inputs), tuple(
    json.loads(asset.read_text(encoding="utf-8"))
  )


def find_inputs(path):
  """Image files and DICOM folders at `path`: itself, or what lies in it.

  Raises:
    InputError: If there is none, or two would have one id.
  """
  path = pathlib.Path(path)
  if not path.exists():
    raise InputError(
      f"{path}: no such file or folder; --input names an image file, a DICOM folder, or a folder of such."
    )
  if path.is_file() or _is_dicom_folder(path):
    return [path]
  found = [entry for entry in sorted(path.iterdir()) if not entry.name.startswith(".") and _is_input(entry)]
  if not found:
    raise InputError(f"{path}: holds neither image files {list(volumes.SUFFIXES)} nor DICOM folders.")
  ids = [volumes.case_id(entry) for entry in found]
  twice = sorted({case for case in ids if ids.count(case) > 1})
  if twice:
    raise InputError(
      f"{path}: several inputs have the ids {twice}, and an output is named by its id; predict them one by "
      "one."
    )
  return found


def _is_input(entry):
  if entry.is_dir():
    return _is_dicom_folder(entry)
  name = entry.name.lower()
  # the .hdr half opens the pair
  return name.endswith(tuple(volumes.SUFFIXES)) and not name.endswith((".img", ".img.gz", ".dcm", ".ima"))


def _is_dicom_folder(folder):
  return any(volumes.dicom.looks_like_dicom(entry) for entry in folder.iterdir() if entry.is_file())


def predict_file(labels, source, output_dir):
  """Segments one input and writes `output_dir`/<id>.nii.gz on its grid, uint8."""
  volume = volumes.read_image(source)
  # of the volume only the grid is wanted from here on: 400 MB less for 400 slices of 512 x 512. An operation
  # lets go of numpy's array, where tf.constant would hold it to the next one, that is, until the labels are
  # there
  array, spacing_mm = tf.identity(volume.array), tf.constant(volume.spacing_mm, tf.float32)
  volume = dataclasses.replace(volume, array=np.broadcast_to(np.float32(0), volume.array.shape))
  result = labels(volume=array, spacing_mm=spacing_mm)["labels"].numpy()
  volumes.write_label(str(output_dir / f"{volumes.case_id(source)}.nii.gz"), result, volume)


def main(_):
  args = flags.FLAGS
  sources = find_inputs(args.input)
  labels, organs = load_model(args.run_dir, args.model, args.checkpoint, args.run_dirs)
  output_dir = pathlib.Path(args.output_dir)
  output_dir.mkdir(parents=True, exist_ok=True)
  failures, begun = [], time.monotonic()
  for source in tqdm.tqdm(sources, "predict", unit="case", disable=not sys.stderr.isatty()):
    try:
      predict_file(labels, source, output_dir)
    except InputError as error:
      failures.append(str(error))
  write_text(output_dir / "organs.json", json.dumps(list(organs), indent=1))
  if failures:
    raise InputError(f"{len(failures)} of {len(sources)} inputs failed: {'; '.join(failures)}")
  print(
    f"{output_dir}: {len(sources)} label maps; values 1 to {len(organs)} are the organs in "
    f"{output_dir / 'organs.json'}; "
    f"{time.monotonic() - begun:.0f} s, at most {peak_memory_gb():.2f} GB of memory"
  )


if __name__ == "__main__":
  define_flags()
  command.run(main)
