"""The series that an RTSTRUCT refers to is the scan; without a word on it nothing is guessed."""

import pydicom
import pytest

from data.manifest.drawn_on import drawn_on
from tests.data.dicom.dicom_files import RAMP, write_series, write_slice
from tests.data.dicom.label_files import write_rtstruct


@pytest.fixture
def several(tmp_path):
  folder = write_series(tmp_path / "ct")
  for z in (0, 1):
    write_slice(folder / f"b{z}.dcm", RAMP[z], (0, 0, z), SeriesInstanceUID="9.8")
  return folder


def refer(path, *uids):
  """Adds references to series to an RTSTRUCT."""
  data = pydicom.dcmread(path)
  study, frame = pydicom.Dataset(), pydicom.Dataset()
  study.RTReferencedSeriesSequence = [pydicom.Dataset() for _ in uids]
  for item, uid in zip(study.RTReferencedSeriesSequence, uids):
    item.SeriesInstanceUID = uid
  frame.RTReferencedStudySequence = [study]
  data.ReferencedFrameOfReferenceSequence = [frame]
  data.save_as(path)


def test_a_file_and_a_folder_of_one_series_need_no_choice(tmp_path):
  assert drawn_on(tmp_path / "a.nii.gz", None) == ""
  assert drawn_on(write_series(tmp_path / "ct"), None) == ""


def test_the_series_that_the_labels_refer_to(tmp_path, several):
  label = write_rtstruct(tmp_path / "rt.dcm", {})
  assert drawn_on(several, label) is None and drawn_on(several, None) is None
  for uids, series in ((("9.8",), "9.8"), (("9.8", "1.2.3"), None), (("7.7",), None)):
    refer(label, *uids)
    assert drawn_on(several, label) == series


def test_a_seg_refers_to_its_series(tmp_path, several):
  data = pydicom.dcmread(write_rtstruct(tmp_path / "seg.dcm", {}))
  data.Modality, data.ReferencedSeriesSequence = "SEG", [pydicom.Dataset()]
  data.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"
  data.save_as(tmp_path / "seg.dcm")
  assert drawn_on(several, tmp_path / "seg.dcm") == "1.2.3"
