"""The header of one DICOM file as plain values; a value that its attribute cannot have is one line."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

import pydicom

from data.input_error import InputError

# Its remarks on odd headers would go through absl's handler to stderr.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

KEYWORDS = (
  "SOPClassUID",
  "Modality",
  "ImageType",
  "PatientID",
  "PatientName",
  "PatientIdentityRemoved",
  "StudyInstanceUID",
  "SeriesInstanceUID",
  "SeriesNumber",
  "SeriesDescription",
  "FrameOfReferenceUID",
  "AcquisitionNumber",
  "AcquisitionTime",
  "TemporalPositionIdentifier",
  "KVP",
  "ConvolutionKernel",
  "SliceThickness",
  "BurnedInAnnotation",
  "Rows",
  "Columns",
  "NumberOfFrames",
  "PixelSpacing",
  "ImagePositionPatient",
  "ImageOrientationPatient",
  "RescaleSlope",
  "RescaleIntercept",
  "RescaleType",
  "SamplesPerPixel",
  "PhotometricInterpretation",
  "PresentationLUTShape",
  "BitsAllocated",
  "BitsStored",
  "HighBit",
  "PixelRepresentation",
  "PixelPaddingValue",
  "PixelPaddingRangeLimit",
  "ModalityLUTSequence",
  "RealWorldValueMappingSequence",
)
# Overlays may lie in the unused bits of the pixels; there are up to 16 groups of their attributes.
OVERLAY_BITS = [(group, 0x0102) for group in range(0x6000, 0x6020, 2)]
ENCAPSULATED = 0xFFFFFFFF  # the length of compressed pixel data
BIG_ENDIAN = "1.2.840.10008.1.2.2"
WAY_OUT = "export the file again, or take it out of the folder"


@dataclasses.dataclass(frozen=True, eq=False)
class Header:
  """What one file says.

  Attributes:
    path: the file.
    values: {keyword: value as pydicom gives it}, without what is missing or empty.
    faults: {keyword: why its value cannot be read}.
    overlay_bits: the bits of a pixel that hold overlays, as positions from 0.
    transfer_syntax: its UID, "" if the file has none.
    compressed: whether the pixel data are.
    pixel_bytes: how many bytes of pixel data there are.
  """

  path: str
  values: Mapping[str, Any]
  faults: Mapping[str, str]
  overlay_bits: tuple[int, ...]
  transfer_syntax: str
  compressed: bool
  pixel_bytes: int

  def __contains__(self, keyword: str) -> bool:
    return keyword in self.values or keyword in self.faults

  def text(self, keyword: str) -> str:
    """A single text without blanks at its ends; "" if it is missing. Raises InputError if it is several."""
    value = self._value(keyword)
    if isinstance(value, bytes):  # of unknown representation
      value = value.decode("ascii", "replace").strip("\0 ")
    if value is not None and not isinstance(value, str):
      raise self.wrong(keyword, "one text")
    return (value or "").strip()

  def texts(self, keyword: str) -> tuple[str, ...]:
    """Any number of texts."""
    value = self._value(keyword)
    several = value if _is_several(value) else [] if value is None else [value]
    return tuple(str(one).strip() for one in several)

  def numbers(self, keyword: str, count: int) -> tuple[float, ...]:
    """Finite numbers. Raises InputError if there are not `count` of them."""
    value = self._value(keyword)
    numbers = [_number(one) for one in (value if _is_several(value) else [value])]
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
      raise self.wrong(keyword, "1 finite number" if count == 1 else f"{count} finite numbers")
    return tuple(numbers)

  def number(self, keyword: str) -> float:
    """As `numbers`, a single one."""
    return self.numbers(keyword, 1)[0]

  def whole(self, keyword: str, low: int = 0, high: int = 65535) -> int:
    """A whole number of [low, high]. Raises InputError otherwise."""
    number = self.number(keyword)
    if number != int(number) or not low <= number <= high:
      raise self.wrong(keyword, f"a whole number from {low} to {high}")
    return int(number)

  def raw(self, keyword: str) -> Any:
    """The value as it is, None if it is missing. Raises InputError if it cannot be read."""
    return self._value(keyword)

  def wrong(self, keyword: str, allowed: str) -> InputError:
    """The error that an attribute's value is not what is allowed."""
    found = self.faults.get(keyword) or shown(self.values.get(keyword, "missing"))
    return InputError(f"{self.path}: {keyword} is {found}; {allowed} is allowed; {WAY_OUT}.")

  def _value(self, keyword: str) -> Any:
    if keyword in self.faults:
      raise InputError(f"{self.path}: {keyword} cannot be read ({self.faults[keyword]}); {WAY_OUT}.")
    return self.values.get(keyword)


def read_header(path: str) -> Header:
  """Reads the header of a DICOM file.

  Raises:
    InputError: If the file is not DICOM, or says neither its modality nor its class.
    OSError: If it cannot be opened.
  """
  if not os.path.getsize(path):
    raise InputError(f"{path}: the file is empty; fetch it again, or take it out of the folder.")
  with open(path, "rb") as file:
    force = starts_without_preamble(file.read(132))
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # a value that breaks a rule of DICOM may still be a value
      header = _parse(path, force)
  except OSError:
    raise
  except Exception as error:  # broken bytes raise nearly anything in pydicom
    raise InputError(
      f"{path}: this is not a readable DICOM file ({first_line(error)}); fetch it again, rewrite it with a "
      "DICOM tool such as dcmconv or gdcmconv, or take it out of the folder."
    ) from error
  if "Modality" not in header and "SOPClassUID" not in header:
    raise InputError(
      f"{path}: the DICOM header is cut or has neither Modality nor SOPClassUID; fetch the file again, or "
      "take it out of the folder."
    )
  return header


def starts_without_preamble(start: bytes) -> bool:
  """Old exports begin with group 0002 or 0008 itself, at an element that has its length in range."""
  return start[:2] in (b"\x02\x00", b"\x08\x00") and len(start) > 8 and start[3] == 0


def first_line(error: object) -> str:
  """The first sentence of an exception's text; pydicom's later ones are advice to programmers."""
  return shown((str(error).splitlines() or [type(error).__name__])[0].split(". ")[0].rstrip("."))


def shown(value: Any) -> str:
  """A value of a header for a message: printable, and not long."""
  text = str(list(value) if _is_several(value) else value)
  text = "".join(letter if letter.isprintable() else "?" for letter in text)
  return text if len(text) <= 60 else text[:57] + "..."


def _parse(path: str, force: bool) -> Header:
  tags: list[Any] = [*KEYWORDS, *OVERLAY_BITS, "PixelData"]
  data = pydicom.dcmread(path, force=force, specific_tags=tags)
  pixels = data.get_item("PixelData") if "PixelData" in data else None
  values, faults = {}, {}
  for keyword in KEYWORDS:
    try:
      value = data.get(keyword)
    except Exception as error:  # the conversion of a text that is no number, and the like
      faults[keyword] = first_line(error)
      continue
    if value is not None and not (hasattr(value, "__len__") and not len(value)):
      values[keyword] = value
  meta: Any = getattr(data, "file_meta", {})
  if "SOPClassUID" not in values and "MediaStorageSOPClassUID" in meta:
    values["SOPClassUID"] = meta.get("MediaStorageSOPClassUID")  # a DICOMDIR has it only there
  return Header(
    path,
    values,
    faults,
    tuple(int(data[tag].value) for tag in OVERLAY_BITS if tag in data and data[tag].value),
    str(meta.get("TransferSyntaxUID") or ""),
    pixels is not None and pixels.length == ENCAPSULATED,
    len(pixels.value or b"") if pixels is not None else 0,
  )


def _is_several(value: Any) -> bool:
  return hasattr(value, "__iter__") and not isinstance(value, (str, bytes))


def _number(value: Any) -> float:
  """NaN for what is no number."""
  try:
    return float(value)
  except (TypeError, ValueError):
    return math.nan
