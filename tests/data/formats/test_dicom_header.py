"""Values of a header by kind, and the line for a value that its attribute cannot have."""

import pytest

from data.formats.dicom_header import Header, first_line, read_header, shown
from data.input_error import InputError
from tests.data.formats.dicom_files import RAMP, write_slice


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
