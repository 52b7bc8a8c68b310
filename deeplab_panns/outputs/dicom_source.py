"""The series that a DICOM object was derived from: headers in the order of the volume's planes."""

from __future__ import annotations

import warnings
from typing import Any

import pydicom
from pydicom.valuerep import DA, TM

from data.input_error import InputError
from data.reading.volumes import Volume

# What identifies slices; all of it stands in every object that refers to them.
UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "SOPClassUID")
_PLACES = ("Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
# Of the patient and the study: they must be there, but may be empty, as anonymised files leave them.
_OF_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_OF_STUDY = ("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName")
_OPTIONAL = ("SpecificCharacterSet", "StudyDescription", "PositionReferenceIndicator", "Modality")
_OTHERS = "choose --output_format=nifti or nrrd, or export the series with its UIDs"


def require_source(volume: Volume, format_name: str) -> None:
  """Refuses a scan that no DICOM object can refer to; reads the headers only. Call it before computing."""
  read_source(volume, format_name)


def read_source(volume: Volume, format_name: str) -> list[pydicom.Dataset]:
  """The headers of a scan's slices, what is personal as it is in the files, values that break DICOM emptied.

  Args:
    format_name: of the output, for messages.
  Returns:
    A data set of a few attributes for each plane of `volume.grid`, in order.
  Raises:
    InputError: If the scan is no DICOM series, or its slices lack UIDs or share them.
  """
  if not volume.slice_files:
    raise InputError(
      f"{volume.path}: is no DICOM series, and {format_name} refers to the slices of one; choose "
      "--output_format=nifti or nrrd."
    )
  slices = [_read(path) for path in volume.slice_files]
  for keyword in UIDS:
    without = sum(not str(one.get(keyword) or "") for one in slices)
    if without:
      raise InputError(
        f"{volume.path}: {without} of {len(slices)} slices have no {keyword}, by which {format_name} refers "
        f"to them; {_OTHERS}."
      )
  if len({one.SOPInstanceUID for one in slices}) < len(slices):
    raise InputError(
      f"{volume.path}: several slices have the same SOPInstanceUID, so that {format_name} cannot tell them "
      f"apart; {_OTHERS}."
    )
  for keyword in ("StudyInstanceUID", "FrameOfReferenceUID"):
    found = {one[keyword].value for one in slices}
    if len(found) > 1:
      raise InputError(
        f"{volume.path}: the slices have {len(found)} different {keyword}; one is allowed for {format_name}. "
        "Choose --output_format=nifti or nrrd."
      )
  return slices


def _read(path: str) -> pydicom.Dataset:
  wanted: list[Any] = [*UIDS, *_PLACES, *_OF_PATIENT, *_OF_STUDY, *_OPTIONAL]
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    data = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=wanted)
    data.file_meta = getattr(data, "file_meta", pydicom.dataset.FileMetaDataset())
    values = {keyword: _allowed(keyword, data) for keyword in (*_OF_PATIENT, *_OF_STUDY)}
    # Names of all alphabets, which were decoded by the file's own character set or by what is nearest to it.
    data.SpecificCharacterSet = "ISO_IR 192"  # UTF-8
    for keyword, value in values.items():
      setattr(data, keyword, value)
  return data


def _allowed(keyword: str, data: pydicom.Dataset) -> Any:
  """The value, "" where it is missing or breaks DICOM's rules: no reason to lose a segmentation."""
  try:
    value = data.get(keyword)
    if value is None or value == "":
      return ""
    if keyword.endswith("Date"):
      DA(str(value))
    elif keyword.endswith("Time"):
      TM(str(value))
    elif keyword == "PatientSex" and value not in ("M", "F", "O"):
      return ""
    return str(value)
  except Exception:  # pydicom raises nearly anything on what it cannot convert
    return ""
