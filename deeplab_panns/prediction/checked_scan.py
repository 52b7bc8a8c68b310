"""A scan read for segmentation, with what is odd about it told or refused."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator

import tqdm

from data import command
from data.cases import Reading
from data.input_error import InputError
from data.reading import volumes
from data.reading.plausible_ct import doubts
from data.reading.volumes import Volume
from data.whole_file import AnyPath
from deeplab_panns.prediction import archives
from deeplab_panns.prediction.input_names import case_ids
from deeplab_panns.prediction.input_search import find_inputs
from deeplab_panns.prediction.scan import Scan
from deeplab_panns.segmentation.familiar_scans import ScanRanges, unfamiliar

Say = Callable[[str], None]


def say(line: str) -> None:
  """Prints a line beside the progress bar, in a form that every terminal can show."""
  tqdm.tqdm.write(command.one_line(line))


@contextlib.contextmanager
def opened_scan(
  scan: Scan, name: str, ranges: ScanRanges, assume_hu: bool = False, nifti_header: str = ""
) -> Iterator[Volume]:
  """Gives a scan as `read_checked`; its `path` leads to files as long as the block runs.

  Raises:
    InputError: As `read_checked`, and if an archive holds no scan, or must not be unpacked.
  """
  if not scan.path.is_file() or scan.path.suffix.lower() != archives.SUFFIX:
    yield read_checked(scan, name, ranges, assume_hu, nifti_header)
    return
  with archives.unpacked(scan.path, only=scan.files) as folder, _named(folder, scan.path) as tell:
    if scan.within is None:
      inner = _only_scan(folder)
    else:
      inner = dataclasses.replace(scan.within, path=folder / scan.within.path)
    yield read_checked(inner, name, ranges, assume_hu, nifti_header, tell)


def _only_scan(folder: pathlib.Path) -> Scan:
  """What an archive holds that could not be looked into before, or holds one scan."""
  found = find_inputs(folder)
  case_ids(folder, found.scans)  # tells what keeps several from having names
  if len(found.scans) > 1:
    raise InputError(f"{folder}: holds {len(found.scans)} scans now, and one before; run this again.")
  return found.scans[0]


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
  scan: Scan,
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
  if scan.path.is_symlink() and not scan.path.exists():
    raise InputError(f"{scan}: is a link that leads nowhere ({os.readlink(scan.path)}); fetch the file.")
  volume = volumes.read_image(scan.path, nifti_header, Reading(slices=scan.files))
  # What lies beside the slices of a folder the search for inputs has told of.
  for note in volume.slice_notes if volume.slice_files else volume.notes:
    tell(f"note: {name}: {note}")
  for doubt in doubts(volume):
    if doubt.certain and not assume_hu:
      raise InputError(doubt.line)
    tell(f"warning: {doubt.line}")
  strange = unfamiliar(volume.array.shape, volume.spacing_mm, ranges)
  if strange:
    tell(f"warning: {name}: {strange}")
  return volume
