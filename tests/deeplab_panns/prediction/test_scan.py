"""What a scan is called."""

import pathlib

from data.dicom.several import Series
from deeplab_panns.prediction.scan import Scan

SERIES = Series("1.2", "4", "portal", "3fa9c1", ("0.dcm",))


def test_a_scan_that_is_alone_has_the_name_of_its_folder_or_file(tmp_path):
  (tmp_path / "1.2.840").mkdir()
  assert Scan(tmp_path / "1.2.840", ("0.dcm",), SERIES).name == "1.2.840"
  assert Scan(tmp_path / "a.nii.gz").name == "a" and Scan(tmp_path / "p.zip", series=SERIES).name == "p"


def test_one_of_several_says_which(tmp_path):
  one = Scan(tmp_path / "ct", ("0.dcm",), SERIES, alone=False)
  assert one.name == "ct_4_portal_3fa9c1" and one.name_alone == "ct" and str(one) == str(tmp_path / "ct")
  assert Scan(tmp_path / "ct", ("0.dcm",), alone=False).name == "ct_unreadable"
  inner = Scan(pathlib.Path("x") / "ct", ("0.dcm",), SERIES)
  within = Scan(tmp_path / "p.zip", ("x/ct/0.dcm",), SERIES, False, inner, "ct")
  assert within.name == "p_ct" and str(within) == str(tmp_path / "p.zip" / "x" / "ct")
