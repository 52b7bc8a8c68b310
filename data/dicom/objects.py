"""A DICOM file of labels, SEG or RTSTRUCT: found, opened, and its broken parts told in one line."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator

import pydicom

from data.dicom.folder import look_into, looks_like_dicom, require_readable
from data.dicom.header import first_line, read_header
from data.input_error import InputError
from data.whole_file import AnyPath

SEG, RTSTRUCT = "SEG", "RTSTRUCT"


def label_object(path: AnyPath) -> tuple[str, str] | None:
  """The file of labels that a path names, or the only one in the folder that it names.

  Returns:
    (SEG or RTSTRUCT, the file); None if the path is no such file and no such folder.
  Raises:
    InputError: If there are several in the folder, or files in it cannot be read.
  """
  path = str(path)
  if not os.path.isdir(path):
    if not os.path.isfile(path) or not looks_like_dicom(path):
      return None
    modality = read_header(path).text("Modality")
    return (modality, path) if modality in (SEG, RTSTRUCT) else None
  contents = look_into(path)
  require_readable(contents)
  found = [(header.text("Modality"), header.path) for header, _ in contents.objects]
  found = [pair for pair in found if pair[0] in (SEG, RTSTRUCT)]
  if len(found) > 1:
    names = ", ".join(os.path.basename(file) for _, file in found[:3])
    raise InputError(
      f"{path}: holds {len(found)} files of labels ({names}); name the one that belongs to the scan."
    )
  return found[0] if found else None


def referenced_series(path: str) -> frozenset[str]:
  """SeriesInstanceUIDs of the images that a file of labels refers to. Raises InputError if it is broken."""
  with broken_parts(path):
    data = pydicom.dcmread(path, stop_before_pixels=True)
    items = list(data.get("ReferencedSeriesSequence") or [])
    for frame in data.get("ReferencedFrameOfReferenceSequence") or []:
      for study in frame.get("RTReferencedStudySequence") or []:
        items += study.get("RTReferencedSeriesSequence") or []
    return frozenset(str(item.get("SeriesInstanceUID") or "") for item in items) - {""}


def open_object(path: str) -> pydicom.Dataset:
  """Opens a file. Raises InputError if it is no readable DICOM."""
  with broken_parts(path):
    return pydicom.dcmread(path)


@contextlib.contextmanager
def broken_parts(path: str, kind: str = "file") -> Iterator[None]:
  """Turns what pydicom raises over a missing or broken part, nearly anything, into one line on the file.

  Args:
    kind: of the file, as a user calls it.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # a value that breaks a rule of DICOM may still be a value
      yield
  except (InputError, MemoryError):
    raise
  except Exception as error:
    if isinstance(error, OSError) and error.errno:
      raise InputError(
        f"{path}: cannot be read ({error.strerror}); check the file and its permissions."
      ) from error
    missing = isinstance(error, AttributeError) and re.search(r"no attribute '([A-Z]\w+)'", str(error))
    found = f"has no {missing[1]}" if missing else f"has a part that cannot be read ({first_line(error)})"
    raise InputError(
      f"{path}: the DICOM {kind} {found}; export it again from the program that it was drawn in."
    ) from error
