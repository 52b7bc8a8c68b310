"""CT files in, label maps on the same grids out."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tqdm

from data.formats import dicom, volumes
from data.input_error import InputError
from data.whole_file import AnyPath, write_text
from deeplab_panns.segmentation.segment_arrays import LabelsVolumes

_MOST_NAMES = 3  # of files in an error message


def find_inputs(path: AnyPath) -> list[pathlib.Path]:
  """The image files and DICOM folders at a path: the path itself, or what is directly in the folder.

  Raises:
    InputError: If there is none, or two would have the same id.
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
      f"{path}: several inputs have the same id, {_listed(twice)}, and an output is named by its id; predict "
      "them one by one."
    )
  return found


def _is_input(entry: pathlib.Path) -> bool:
  if entry.is_dir():
    return _is_dicom_folder(entry)
  name = entry.name.lower()
  # Of a pair .hdr and .img, the .hdr file opens both. A DICOM file is a slice and not a volume.
  return name.endswith(tuple(volumes.SUFFIXES)) and not name.endswith((".img", ".img.gz", ".dcm", ".ima"))


def _is_dicom_folder(folder: pathlib.Path) -> bool:
  return any(dicom.looks_like_dicom(entry) for entry in folder.iterdir() if entry.is_file())


def predict_files(
  segmenter: LabelsVolumes, organs: Sequence[str], sources: Sequence[pathlib.Path], output_dir: pathlib.Path
) -> None:
  """Segments several inputs, and writes the names of the organs to `output_dir`/organs.json.

  Args:
    segmenter: of a run, of several runs, or of a SavedModel.
    organs: in the order of the labels 1…K.
    sources: as from `find_inputs`.
    output_dir: is made where it is missing.
  Raises:
    InputError: If an input cannot be read; the others are segmented nevertheless.
  """
  output_dir.mkdir(parents=True, exist_ok=True)
  failures: dict[str, InputError] = {}
  for source in tqdm.tqdm(sources, "predict", unit="case", disable=not sys.stderr.isatty()):
    try:
      predict_file(segmenter, source, output_dir)
    except InputError as error:
      failures[source.name] = error
  write_text(output_dir / "organs.json", json.dumps(list(organs), indent=1))
  if failures:
    (_, first), *others = failures.items()
    also = f" Also: {_listed([name for name, _ in others])}." if others else ""
    raise InputError(f"{len(failures)} of {len(sources)} inputs failed: {first}{also}")


def predict_file(segmenter: LabelsVolumes, source: AnyPath, output_dir: pathlib.Path) -> None:
  """Segments one input and writes `output_dir`/<id>.nii.gz, uint8, on the input's own grid.

  Raises:
    InputError: If the input cannot be read.
  """
  volume = volumes.read_image(source)
  # From here on only the volume's grid is needed; letting go of the array saves 400 MB for 400 slices of
  # 512 x 512. tf.identity copies the array, whereas tf.constant would hold NumPy's memory until the next
  # operation ends, that is, until the labels exist.
  array, spacing_mm = tf.identity(volume.array), tf.constant(volume.spacing_mm, tf.float32)
  volume = dataclasses.replace(volume, array=np.broadcast_to(np.float32(0), volume.array.shape))
  result = segmenter.labels(volume=array, spacing_mm=spacing_mm)["labels"].numpy()
  volumes.write_label(str(output_dir / f"{volumes.case_id(source)}.nii.gz"), result, volume)


def _listed(names: list[str]) -> str:
  shown = ", ".join(names[:_MOST_NAMES])
  return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
