"""Values of a header by kind, and the line for a value that its attribute cannot have."""

import numpy as np
import pydicom
import pytest

from data.dicom.header import KEYWORDS, Header, first_line, read_header, shown
from data.input_error import InputError
from tests.data.dicom.dicom_files import RAMP, write_slice
from tests.data.formats.volume_files import mutated, outcome


def header(faults=(), **values):
  return Header("file", values, dict(faults), (), "", False, 0)


def line(call):
  with pytest.raises(InputError) as caught:
    call()
  assert str(caught.value).startswith("file: ")
  return str(caught.value)


def test_values_by_kind():
  found = header(Rows=5, Slope="0.5", Spacing=["1", 2.5], Modality=" CT ", Unknown=b"CT ", Types=["A", "B "])
  assert found.whole("Rows") == 5 and found.number("Slope") == 0.5 and found.numbers("Spacing", 2) == (1, 2.5)
  assert found.text("Modality") == found.text("Unknown") == "CT" and found.text("Series") == ""
  assert (
    found.texts("Types") == ("A", "B") and found.texts("Modality") == ("CT",) and found.texts("Series") == ()
  )
  assert "Rows" in found and "Series" not in found


def test_values_that_cannot_be():
  found = header(Rows=5.5, Slope="x", Spacing=[1, float("nan")], Modality=["CT", "MR"], Large=70000)
  assert "Rows is 5.5; a whole number from 0 to 65535 is allowed" in line(lambda: found.whole("Rows"))
  assert "Large is 70000" in line(lambda: found.whole("Large"))
  assert "Slope is x; 1 finite number is allowed" in line(lambda: found.number("Slope"))
  assert "Spacing is [1, nan]; 2 finite numbers" in line(lambda: found.numbers("Spacing", 2))
  assert "Spacing is [1, nan]; 3 finite numbers" in line(lambda: found.numbers("Spacing", 3))
  assert "Modality is ['CT', 'MR']; one text" in line(lambda: found.text("Modality"))
  assert "Columns is missing" in line(lambda: found.whole("Columns"))


def test_a_value_that_could_not_be_converted_keeps_its_reason():
  found = header([("RescaleSlope", "could not convert string to float: 'abc'")])
  assert "RescaleSlope cannot be read (could not convert string to float: 'abc')" in line(
    lambda: found.number("RescaleSlope")
  )
  assert "RescaleSlope" in found


def test_what_messages_show_is_printable_and_short():
  assert shown("a\nb\0") == "a?b?" and shown([1, 2]) == "[1, 2]"
  assert len(shown("x" * 500)) == 60 and shown("x" * 500).endswith("...")
  assert first_line(ValueError("Not so. Set force to True.\nmore")) == "Not so"
  assert first_line(KeyError()) == "KeyError"


def test_reading_a_file(tmp_path):
  path = str(tmp_path / "a.dcm")
  write_slice(path, RAMP[0], (0, 0, 0), SeriesInstanceUID="")
  found = read_header(path)
  assert found.path == path and found.whole("Columns") == 6 and not found.compressed
  assert found.pixel_bytes == RAMP[0].nbytes and found.transfer_syntax == "1.2.840.10008.1.2.1"
  assert "SeriesInstanceUID" not in found  # empty is missing


def test_a_file_that_is_empty(tmp_path):
  (tmp_path / "a").write_bytes(b"")
  with pytest.raises(InputError, match="the file is empty"):
    read_header(str(tmp_path / "a"))


# A series with wrong bytes: a volume or one line, never a traceback; every mutation is seeded


def series(folder, count=3):
  folder.mkdir(exist_ok=True)
  for index in range(count):
    tags = {"RescaleType": "HU", "PixelPaddingValue": -2000, "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}
    write_slice(folder / f"{index}.dcm", RAMP[index], (-20, -30, 2 * index), **tags)
  return folder


def element_start(content, keyword):
  """Where the element's value starts in explicit little endian, and its length."""
  tag = pydicom.datadict.tag_for_keyword(keyword)
  at = content.index(tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2])
  return at + 8, int.from_bytes(content[at + 6 : at + 8], "little")


TEXTS = [
  "Modality",
  "PixelSpacing",
  "ImagePositionPatient",
  "ImageOrientationPatient",
  "RescaleSlope",
  "RescaleIntercept",
  "RescaleType",
  "PhotometricInterpretation",
  "SeriesInstanceUID",
  "SOPClassUID",
  "ImageType",
]
NUMBERS = [
  "Rows",
  "Columns",
  "SamplesPerPixel",
  "BitsAllocated",
  "BitsStored",
  "HighBit",
  "PixelRepresentation",
]


@pytest.mark.parametrize("keyword", TEXTS)
@pytest.mark.parametrize("fill", [b"x", b"\\", b" ", b"\0", b"9", b"-", b"\xff", b"e"])
def test_texts_of_a_slice(tmp_path, keyword, fill):
  path = series(tmp_path) / "1.dcm"
  content = bytearray(path.read_bytes())
  start, length = element_start(content, keyword)
  content[start : start + length] = fill * length
  path.write_bytes(content)
  found = outcome(tmp_path)
  if keyword in ("PixelSpacing", "ImagePositionPatient", "RescaleSlope", "RescaleIntercept") and fill != b"9":
    assert f"1.dcm: {keyword} " in found or f"lacks {keyword}" in found, found
  if keyword == "Modality":
    assert found != "read"


@pytest.mark.parametrize("keyword", NUMBERS)
@pytest.mark.parametrize("value", [0, 7, 255, 65535])
def test_numbers_of_a_slice(tmp_path, keyword, value):
  path = series(tmp_path) / "1.dcm"
  content = bytearray(path.read_bytes())
  start, length = element_start(content, keyword)
  content[start : start + length] = value.to_bytes(length, "little")
  path.write_bytes(content)
  found = outcome(tmp_path)
  assert found != "read" or keyword == "PixelRepresentation"


@pytest.mark.parametrize(
  "keyword, value, words",
  [
    ("Modality", ["CT", "MR"], "Modality is ['CT', 'MR']; one text"),
    ("Rows", [5, 5], "Rows is [5, 5]; 1 finite number"),
    ("RescaleSlope", [1, 2], "RescaleSlope is ['1.0', '2.0']; 1 finite number"),
    ("RescaleIntercept", "", "lacks RescaleIntercept"),
    ("PixelSpacing", ["1", "nan"], "PixelSpacing"),
    ("SamplesPerPixel", [1, 1], "SamplesPerPixel is [1, 1]"),
  ],
)
@pytest.mark.filterwarnings("ignore")
def test_values_of_the_wrong_number(tmp_path, keyword, value, words):
  path = series(tmp_path) / "1.dcm"
  data = pydicom.dcmread(path)
  data[keyword] = pydicom.DataElement(data[keyword].tag, data[keyword].VR, value)
  data.save_as(path)
  assert words in outcome(tmp_path)


@pytest.mark.slow
def test_values_of_the_wrong_representation(tmp_path):
  path = series(tmp_path) / "1.dcm"
  whole = path.read_bytes()
  found = []
  for keyword in KEYWORDS:
    for representation in (b"UN", b"OB", b"SQ", b"FD", b"DS", b"US", b"??"):
      content = bytearray(whole)
      try:
        start, _ = element_start(content, keyword)
      except ValueError:
        continue  # the series lacks it
      content[start - 4 : start - 2] = representation
      path.write_bytes(content)
      found.append(outcome(tmp_path))
  assert len(found) > 100 and any(line != "read" for line in found)


@pytest.mark.slow
def test_random_bytes_of_a_slice(tmp_path):
  path = series(tmp_path) / "1.dcm"
  whole = path.read_bytes()
  found = []
  for seed in range(300):
    path.write_bytes(mutated(whole, np.random.default_rng(seed)))
    found.append(outcome(tmp_path))
  refused = sum(line != "read" for line in found)
  assert 30 < refused < 300  # most mutations hit something
