"""Which DICOM file of labels a path names."""

import pytest

from data.dicom.objects import RTSTRUCT, SEG, broken_parts, label_object, open_object
from data.input_error import InputError
from tests.data.dicom.dicom_files import RAMP
from tests.data.dicom.label_files import write_rtstruct, write_scan


def test_a_file_or_the_only_one_of_a_folder(tmp_path):
  path = write_rtstruct(tmp_path / "rt.dcm", {})
  assert label_object(path) == label_object(tmp_path) == (RTSTRUCT, str(path))
  (slice_path, *_) = write_scan(tmp_path / "ct", RAMP)
  assert label_object(slice_path) is None and label_object(tmp_path / "ct") is None
  (tmp_path / "a.nii").write_bytes(b"x" * 200)
  assert label_object(tmp_path / "a.nii") is None and label_object(tmp_path / "none") is None


def test_two_in_a_folder_are_named(tmp_path):
  for name in ("a.dcm", "b.dcm"):
    write_rtstruct(tmp_path / name, {})
  with pytest.raises(InputError, match=r"2 files of labels \(a\.dcm, b\.dcm\)"):
    label_object(tmp_path)


def test_whatever_breaks_is_one_line(tmp_path):
  with (
    pytest.raises(InputError, match=r"f: the DICOM SEG has no SegmentSequence; export"),
    broken_parts("f", SEG),
  ):
    raise AttributeError("'FileDataset' object has no attribute 'SegmentSequence'")
  with (
    pytest.raises(InputError, match=r"f: the DICOM file has a part that cannot be read \(gone\)"),
    broken_parts("f"),
  ):
    raise AttributeError("gone")
  (tmp_path / "f").write_bytes(b"no DICOM")
  with pytest.raises(InputError):
    open_object(str(tmp_path / "f"))
