"""RTSTRUCT: polygons by name, in RAS, and what is no polygon counted."""

import numpy as np
import pytest

from data.dicom.contours import read_structures
from data.input_error import InputError
from tests.data.dicom.label_files import write_rtstruct

TRIANGLE = [[0, 0, 5], [10, 0, 5], [0, 20, 5]]


def test_polygons_in_ras(tmp_path):
  path = write_rtstruct(tmp_path / "rt.dcm", {"Liver": [TRIANGLE], "Empty": []})
  liver, empty = read_structures(str(path))
  assert (liver.name, liver.number, empty.name, empty.polygons) == ("Liver", 1, "Empty", ())
  np.testing.assert_array_equal(liver.polygons[0], [[0, 0, 5], [-10, 0, 5], [0, -20, 5]])


def test_points_and_lines_are_counted(tmp_path):
  path = write_rtstruct(tmp_path / "rt.dcm", {"Isocentre": [[[1, 2, 3]]]}, "POINT")
  (point,) = read_structures(str(path))
  assert point.polygons == () and point.points == 1


def test_a_file_without_structures_is_one_line(tmp_path):
  path = write_rtstruct(tmp_path / "rt.dcm", {"Liver": [TRIANGLE]})
  path.write_bytes(path.read_bytes().replace(b"\x06\x30\x20\x00SQ", b"\x06\x30\x21\x00SQ"))
  with pytest.raises(InputError, match="export it again") as caught:
    read_structures(str(path))
  assert "\n" not in str(caught.value)
