"""The headers that DICOM objects refer to, and the series that none can refer to."""

import warnings

import numpy as np
import pydicom
import pytest

from data.input_error import InputError
from data.reading import volumes
from deeplab_panns.outputs.dicom_source import UIDS, read_source, require_source
from tests.deeplab_panns.outputs.segmented_files import dicom_case, nifti_case


def refused(case, *words):
  with pytest.raises(InputError) as caught:
    require_source(case.volume, "DICOM SEG")
  message = str(caught.value)
  assert message.startswith(f"{case.volume.path}: ") and "\n" not in message
  assert len(message) - len(case.volume.path) < 260 and "--output_format=nifti or nrrd" in message
  for word in words:
    assert word in message, message


@pytest.mark.parametrize("descending", [False, True])
def test_slices_come_in_the_order_of_the_planes(tmp_path, descending):
  case = dicom_case(tmp_path, "LPS", descending=descending)
  affine = np.diag([-1, -1, 1, 1]) @ case.volume.grid.affine_mm
  for index, one in enumerate(read_source(case.volume, "DICOM SEG")):
    np.testing.assert_allclose(one.ImagePositionPatient, (affine @ [0, 0, index, 1])[:3], atol=1e-6)
    assert "PixelData" not in one


def test_a_file_is_no_series(tmp_path):
  refused(nifti_case(tmp_path), "is no DICOM series, and DICOM SEG refers to the slices of one")


@pytest.mark.parametrize("keyword", UIDS[:4])
@pytest.mark.parametrize("missing", ["", None])
def test_slices_without_uids_are_refused(tmp_path, keyword, missing):
  case = dicom_case(tmp_path)
  for path in (tmp_path / "series").iterdir():
    data = pydicom.dcmread(path)
    if missing is None:
      del data[keyword]
    else:
      setattr(data, keyword, missing)
    data.save_as(path)
  refused(case, f"5 of 5 slices have no {keyword}")


def test_uids_that_are_shared_or_differ_are_refused(tmp_path):
  refused(dicom_case(tmp_path / "a", SOPInstanceUID="1.2.3.4"), "same SOPInstanceUID")
  case = dicom_case(tmp_path / "b")
  path = next((tmp_path / "b" / "series").iterdir())
  data = pydicom.dcmread(path)
  data.FrameOfReferenceUID = "1.2.3.4"
  data.save_as(path)
  refused(case, "2 different FrameOfReferenceUID")


def test_what_is_missing_or_breaks_a_rule_is_emptied(tmp_path):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pydicom, on what it writes here
    case = dicom_case(tmp_path, PatientName="Doe^Jane", PatientSex="female", StudyDate="yesterday")
  one = read_source(case.volume, "DICOM SEG")[0]
  assert one.PatientName == "Doe^Jane"
  assert one.PatientSex == one.StudyDate == one.PatientID == one.AccessionNumber == ""


@pytest.mark.parametrize(
  "charset, name",
  [
    ("ISO_IR 100", "Müller^Jürgen"),
    ("", "Doe^Jane"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ("ODD", "D^J"),
  ],
)
def test_names_of_any_alphabet_come_as_utf_8(tmp_path, charset, name):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    case = dicom_case(tmp_path, SpecificCharacterSet=charset, PatientName=name)
    one = read_source(case.volume, "DICOM SEG")[0]
    assert str(one.PatientName) == name and one.SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.slow
def test_the_real_series_without_uids_is_refused(real_ct):
  with pytest.raises(InputError, match="20 of 20 slices have no SOPInstanceUID"):
    require_source(volumes.read_image(real_ct / "ts_dicom"), "DICOM SEG")
