"""The pixels of a CT slice in HU: uncompressed ones are read here, compressed ones decoded by GDCM.

GDCM inverts MONOCHROME1, knows no padding, and takes a slope of 0 for 1; what it decodes is checked before
(dicom_values.py).
"""

from __future__ import annotations

import warnings

import numpy as np
import pydicom

from data.arrays import ImageHU
from data.dicom.header import BIG_ENDIAN, Header, first_line
from data.dicom.values import Raw, StoredValues, hu_of_decoded, to_hu
from data.formats import itk
from data.input_error import InputError


def require_whole_pixels(header: Header, rows: int, columns: int, bits_allocated: int) -> None:
  """Requires pixel data, and of uncompressed ones as many bytes as the image's size needs.

  Raises:
    InputError: If there are none, they are cut, or they belong to an image of another size.
  """
  needed, found = rows * columns * bits_allocated // 8, header.pixel_bytes
  if not found or (not header.compressed and found < needed):
    raise InputError(
      f"{header.path}: the pixel data are cut: {found} bytes of {needed} are there (uncompressed); fetch the "
      "file again."
    )
  row_bytes = columns * bits_allocated // 8
  if not header.compressed and found >= needed + max(row_bytes, 2):
    raise InputError(
      f"{header.path}: there are {found} bytes of pixel data, but {rows} x {columns} pixels need {needed}: "
      "Rows or Columns is wrong. Export the file again."
    )


def read_hu(header: Header, rows: int, columns: int, values: StoredValues) -> ImageHU:
  """Reads the pixels of a slice as float32 HU, [row, column].

  Raises:
    InputError: If the pixels cannot be decoded.
  """
  if not header.compressed:
    return to_hu(header.path, values, _uncompressed(header, rows, columns, values.bits_allocated))
  if values.high_bit != values.bits_stored - 1:
    raise header.wrong("HighBit", f"{values.bits_stored - 1} (BitsStored - 1) in a compressed file")
  try:
    with itk.quiet():
      decoded = itk.read_slice(header.path)
    if decoded.shape != (rows, columns):
      raise ValueError(f"{decoded.shape} pixels were decoded, the header says {(rows, columns)}")
    return hu_of_decoded(values, decoded)
  except InputError:
    raise
  except (RuntimeError, ValueError) as error:
    raise _unreadable(header.path, itk.reason(error)) from error


def _uncompressed(header: Header, rows: int, columns: int, bits: int) -> Raw:
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      data = pydicom.dcmread(header.path, force=True, specific_tags=["PixelData"])
    content = data.get_item("PixelData").value
  except OSError:
    raise
  except Exception as error:
    raise _unreadable(header.path, str(error)) from error
  order = ">" if header.transfer_syntax == BIG_ENDIAN else "<"
  raw = np.frombuffer(content, np.dtype(f"{order}u{bits // 8}"), rows * columns)
  return raw.reshape(rows, columns)


def _unreadable(path: str, reason: str) -> InputError:
  return InputError(
    f"{path}: the pixels cannot be read ({first_line(reason)}); the file may be cut, or its compression odd. "
    "Fetch it again, or rewrite it with gdcmconv --raw."
  )
