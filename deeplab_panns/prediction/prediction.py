"""CT files in, label maps on the same grids out."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Collection, Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf
import tqdm

from data import command
from data.files.outputs import Outputs
from data.input_error import InputError
from data.listed import listed
from data.reading import volumes
from data.reading.plausible_ct import doubts
from data.reading.volumes import Volume
from data.whole_file import AnyPath, write_text
from deeplab_panns.exports.saved_model import reason
from deeplab_panns.prediction.input_names import require_usable
from deeplab_panns.prediction.input_search import FoundInputs
from deeplab_panns.segmentation.familiar_scans import ScanRanges, unfamiliar
from deeplab_panns.segmentation.segment_arrays import LabelsVolumes

ORGANS = "organs.json"
_SHORT = 40  # characters of an id in a message
_TRACED_BYTES = 8192  # more than the source of any of our traced functions
# What one case may fail by while the others go on.
_FAILURES = (InputError, OSError, UnicodeError, MemoryError, tf.errors.OpError)


class Predictor(Protocol):
  """A run, several runs or a SavedModel, opened.

  Attributes:
    organs: in the order of the labels 1…K.
    scans: the ranges of the scans in training; {} where they are not known.
  """

  @property
  def segmenter(self) -> LabelsVolumes: ...
  @property
  def organs(self) -> tuple[str, ...]: ...
  @property
  def scans(self) -> ScanRanges: ...


def prediction_outputs(
  found: FoundInputs, ids: Collection[str], output_dir: AnyPath, overwrite: bool = False
) -> Outputs:
  """The output folder of a prediction, which is made; call it before anything is computed.

  Args:
    ids: of the scans.
    overwrite: files may be replaced that no prediction before has written; never an input.
  Raises:
    InputError: If an input or a file of others would be replaced, the folder is one of those that are
      searched for inputs, or it or the folder of temporary files cannot be written to.
  """
  if not os.fspath(output_dir):
    raise InputError("--output_dir=: is empty; name the folder of the label maps.")
  names = [_file_name(name) for name in ids]
  if found.root.is_dir():
    folders = {found.root, *(scan if scan.is_dir() else scan.parent for scan in found.scans)}
    if os.path.realpath(output_dir) in map(os.path.realpath, folders):
      replaced = [name for name in names if os.path.lexists(os.path.join(output_dir, name))]
      what = f"{listed(replaced)} would be replaced" if replaced else "label maps would lie among the scans"
      raise InputError(f"--output_dir={output_dir}: is a folder of the input; {what}. Choose another folder.")
  _require_temporary_files()
  outputs = Outputs(output_dir, found.files(), overwrite)
  outputs.require_free([*names, ORGANS])
  return outputs


def predict_files(
  predictor: Predictor,
  ids: Mapping[str, pathlib.Path],
  outputs: Outputs,
  assume_hu: bool = False,
  nifti_header: str = "",
) -> None:
  """Segments several inputs, and writes the names of the organs to organs.json beside the label maps.

  What is odd about an input is printed.

  Args:
    ids: {id: scan} as from `case_ids`.
    outputs: as from `prediction_outputs`.
    assume_hu: segment also what is certainly no CT in HU.
    nifti_header: "sform" or "qform", where the two of a NIfTI file disagree; "" refuses such a file.
  Raises:
    InputError: If some inputs cannot be segmented; of several, each is printed with its reason, and the
      others are segmented nevertheless.
  """
  _require_same_organs(outputs.folder, predictor.organs, [_file_name(name) for name in ids])
  write_text(outputs.folder / ORGANS, json.dumps(list(predictor.organs), indent=1))
  outputs.wrote([ORGANS])
  failures: dict[str, str] = {}
  for name, scan in tqdm.tqdm(ids.items(), "predict", unit="case", disable=not sys.stderr.isatty()):
    try:
      require_usable(name, scan)
      predict_file(predictor, name, scan, outputs.folder, assume_hu, nifti_header)
      outputs.wrote([_file_name(name)])
    except _FAILURES as error:
      failures[name] = _reason(error, scan)
      if len(ids) > 1:
        say(f"failed: {_short(name)}: {failures[name]}")
  if failures:
    first = next(iter(failures.values()))
    if len(ids) == 1:
      raise InputError(first)
    raise InputError(
      f"{len(failures)} of {len(ids)} inputs failed ({listed(map(_short, failures))}); the first: {first}"
    )


def predict_file(
  predictor: Predictor,
  name: str,
  scan: AnyPath,
  output_dir: pathlib.Path,
  assume_hu: bool = False,
  nifti_header: str = "",
) -> None:
  """Segments one input and writes `output_dir`/<name>.nii.gz, uint8, on the input's own grid.

  Raises:
    InputError: As `read_checked`.
  """
  volume = read_checked(scan, name, predictor.scans, assume_hu, nifti_header)
  # From here on only the volume's grid is needed; letting go of the array saves 400 MB for 400 slices of
  # 512 x 512. tf.identity copies the array, whereas tf.constant would hold NumPy's memory until the next
  # operation ends, that is, until the labels exist.
  array, spacing_mm = tf.identity(volume.array), tf.constant(volume.spacing_mm, tf.float32)
  volume = dataclasses.replace(volume, array=np.broadcast_to(np.float32(0), volume.array.shape))
  result = predictor.segmenter.labels(volume=array, spacing_mm=spacing_mm)["labels"].numpy()
  volumes.write_label(str(output_dir / _file_name(name)), result, volume)


def read_checked(
  scan: AnyPath, name: str, ranges: ScanRanges, assume_hu: bool = False, nifti_header: str = ""
) -> Volume:
  """Reads a scan, and prints what is odd about it.

  Args:
    name: its id.
    ranges: of the scans in training.
  Raises:
    InputError: If it cannot be read, or is certainly no CT in HU and `assume_hu` is not given.
  """
  if os.path.islink(scan) and not os.path.exists(scan):
    raise InputError(f"{scan}: is a link that leads nowhere ({os.readlink(scan)}); fetch the file.")
  volume = volumes.read_image(scan, nifti_header)
  # Those of a folder say what lies beside the slices, which the search for inputs has told of.
  for note in volume.notes if not os.path.isdir(scan) else ():
    say(f"note: {name}: {note}")
  for doubt in doubts(volume):
    if doubt.certain and not assume_hu:
      raise InputError(doubt.line)
    say(f"warning: {doubt.line}")
  strange = unfamiliar(volume.array.shape, volume.spacing_mm, ranges)
  if strange:
    say(f"warning: {name}: {strange}")
  return volume


def say(line: str) -> None:
  """Prints a line beside the progress bar, in a form that every terminal can show."""
  tqdm.tqdm.write(command.one_line(line))


def _require_temporary_files() -> None:
  """TensorFlow writes the functions that it traces there, and where it cannot, fails in odd ways."""
  try:
    with tempfile.TemporaryFile() as file:
      file.write(bytes(_TRACED_BYTES))
  except OSError as error:
    raise InputError(
      f"{tempfile.gettempdir()}: temporary files cannot be written ({error.strerror or error}); make room, "
      "or name another folder by the variable TMPDIR."
    ) from None


def _require_same_organs(folder: pathlib.Path, organs: Collection[str], names: Collection[str]) -> None:
  """One organs.json serves all label maps of a folder."""
  try:
    theirs = json.loads((folder / ORGANS).read_text(encoding="utf-8"))
  except (OSError, ValueError):
    return
  kept = sorted(file.name for file in folder.glob("*.nii.gz") if file.name not in names)
  if theirs != list(organs) and kept:
    raise InputError(
      f"{folder / ORGANS}: names the organs of label maps that are there already ({listed(kept)}), and these "
      "are of others; choose another --output_dir."
    )


def _file_name(name: str) -> str:
  return f"{name}.nii.gz"


def _short(name: str) -> str:
  return name if len(name) <= _SHORT else f"{name[:_SHORT]}..."


def _reason(error: Exception, scan: pathlib.Path) -> str:
  """What a case failed by, for the user."""
  if isinstance(error, InputError):
    return str(error)
  if isinstance(error, OSError):  # readers have their own words for it
    return (
      f"{scan}: its label map cannot be written ({error.strerror or error}); make room, and run this again."
    )
  if isinstance(error, UnicodeError):
    return f"{scan}: the name or that of a folder above is not in UTF-8; rename it."
  if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
    return f"{scan}: there is not enough memory for it; close other programs, or crop the scan."
  return f"{scan}: TensorFlow cannot segment it ({reason(error)})."
