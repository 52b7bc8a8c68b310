"""A scan read for segmentation, with what is odd about it told or refused."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator

import tqdm

from data import command
from data.input_error import InputError
from data.reading import volumes
from data.reading.plausible_ct import doubts
from data.reading.volumes import Volume
from data.whole_file import AnyPath
from deeplab_panns.prediction import archives
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.segmentation.familiar_scans import ScanRanges, unfamiliar

Say = Callable[[str], None]


def say(line: str) -> None:
  """Prints a line beside the progress bar, in a form that every terminal can show."""
  tqdm.tqdm.write(command.one_line(line))


@contextlib.contextmanager
def opened_scan(
  scan: AnyPath, name: str, ranges: ScanRanges, assume_hu: bool = False, nifti_header: str = ""
) -> Iterator[Volume]:
  """Gives a scan as `read_checked`; its `path` leads to files as long as the block runs.

  Args:
    scan: an image file, a folder of DICOM slices, or a zip archive that holds one of these.
  Raises:
    InputError: As `read_checked`, and if an archive holds no scan, several, or must not be unpacked.
  """
  if not os.path.isfile(scan) or not os.fspath(scan).lower().endswith(archives.SUFFIX):
    yield read_checked(scan, name, ranges, assume_hu, nifti_header)
    return
  with archives.unpacked(pathlib.Path(scan)) as folder, _named(folder, scan) as tell:
    found = find_inputs(folder)
    if len(found.scans) > 1:
      raise InputError(
        f"{folder}: holds {len(found.scans)} scans; a zip of one is read. Unpack it, and name the folder."
      )
    if found.not_used():
      tell(f"note: {name}: {found.not_used()}")
    yield read_checked(found.scans[0], name, ranges, assume_hu, nifti_header, tell)


@contextlib.contextmanager
def _named(folder: pathlib.Path, archive: AnyPath) -> Iterator[Say]:
  """Has messages name the archive instead of the folder that it was unpacked to."""

  def tell(line: str) -> None:
    say(line.replace(str(folder), os.fspath(archive)))

  try:
    yield tell
  except InputError as error:
    raise InputError(str(error).replace(str(folder), os.fspath(archive))) from error


def read_checked(
  scan: AnyPath,
  name: str,
  ranges: ScanRanges,
  assume_hu: bool = False,
  nifti_header: str = "",
  tell: Say = say,
) -> Volume:
  """Reads a scan, and tells what is odd about it.

  Args:
    name: its id.
    ranges: of the scans in training.
    nifti_header: "sform" or "qform", where the two of a NIfTI file disagree; "" refuses such a file.
    tell: takes a line.
  Raises:
    InputError: If it cannot be read, or is certainly no CT in HU and `assume_hu` is not given.
  """
  if os.path.islink(scan) and not os.path.exists(scan):
    raise InputError(f"{scan}: is a link that leads nowhere ({os.readlink(scan)}); fetch the file.")
  volume = volumes.read_image(scan, nifti_header)
  # Those of a folder say what lies beside the slices, which the search for inputs has told of.
  for note in volume.notes if not os.path.isdir(scan) else ():
    tell(f"note: {name}: {note}")
  for doubt in doubts(volume):
    if doubt.certain and not assume_hu:
      raise InputError(doubt.line)
    tell(f"warning: {doubt.line}")
  strange = unfamiliar(volume.array.shape, volume.spacing_mm, ranges)
  if strange:
    tell(f"warning: {name}: {strange}")
  return volume
