"""Pixels in HU: as GDCM decodes them, and where the data do not fit the header."""

import dataclasses

import numpy as np
import pytest

from data.dicom.header import BIG_ENDIAN, read_header
from data.dicom.pixels import read_hu, require_whole_pixels
from data.dicom.values import stored_values
from data.formats import itk
from data.input_error import InputError
from tests.data.dicom.dicom_files import RAMP, write_slice


def hu(path, header=None):
  header = header or read_header(str(path))
  return read_hu(header, 5, 6, stored_values(header))


@pytest.mark.parametrize(
  "tags",
  [
    {},
    {"RescaleSlope": 0.25, "RescaleIntercept": -3.5},
    {"PixelRepresentation": 0},
    {"BitsStored": 12, "HighBit": 11},
    {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0},
  ],
)
def test_agrees_with_gdcm(tmp_path, tags):
  write_slice(
    tmp_path / "a.dcm", RAMP[2] - (0 if tags.get("PixelRepresentation") == 0 else 100), (0, 0, 0), **tags
  )
  np.testing.assert_array_equal(hu(tmp_path / "a.dcm"), itk.read_slice(tmp_path / "a.dcm").astype(np.float32))


def test_eight_bits(tmp_path):
  pixels = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
  write_slice(tmp_path / "a.dcm", RAMP[0], (0, 0, 0), PixelData=RAMP[1].astype(np.uint8).tobytes(), **pixels)
  np.testing.assert_array_equal(hu(tmp_path / "a.dcm"), 2.0 * RAMP[1] - 1024)


def test_the_byte_order_is_that_of_the_transfer_syntax(tmp_path):
  write_slice(tmp_path / "a.dcm", RAMP[1].byteswap(), (0, 0, 0))
  header = dataclasses.replace(read_header(str(tmp_path / "a.dcm")), transfer_syntax=BIG_ENDIAN)
  np.testing.assert_array_equal(hu(tmp_path / "a.dcm", header), 2.0 * RAMP[1] - 1024)


@pytest.mark.parametrize(
  "rows, columns, words",
  [
    (5, 6, None),
    (6, 6, "are cut: 60 bytes of 72"),
    (4, 6, "Rows or Columns"),
    (5, 5, "Rows or Columns"),
    (5, 7, "are cut"),
  ],
)
def test_data_must_be_as_long_as_the_image(tmp_path, rows, columns, words):
  write_slice(tmp_path / "a.dcm", RAMP[0], (0, 0, 0))
  header = read_header(str(tmp_path / "a.dcm"))
  if words is None:
    require_whole_pixels(header, rows, columns, 16)
  else:
    with pytest.raises(InputError, match=words):
      require_whole_pixels(header, rows, columns, 16)


def test_what_cannot_be_decoded_is_one_line(tmp_path, capfd):
  write_slice(tmp_path / "a.dcm", RAMP[0], (0, 0, 0))
  (tmp_path / "b.dcm").write_bytes(b"nothing" * 100)
  for path, words in (("a.dcm", r"header says \(7, 6\)"), ("b.dcm", "the pixels cannot be read")):
    header = dataclasses.replace(
      read_header(str(tmp_path / "a.dcm")), path=str(tmp_path / path), compressed=True
    )
    with pytest.raises(InputError, match=words):
      read_hu(header, 7, 6, stored_values(header))
  assert capfd.readouterr().err == ""
