"""Which slices are one volume: by UID, and by what parts those of one UID."""

import re

import pytest

from data.dicom.folder import look_into
from data.dicom.several import chosen, series_of
from data.input_error import InputError
from tests.data.dicom.dicom_files import AXIAL, RAMP, write_slice


def found_in(folder, **how):
  return series_of(look_into(str(folder)).slices, **how)


def write(folder, name, depths, orientation=AXIAL, **tags):
  folder.mkdir(exist_ok=True)
  for z in depths:
    write_slice(folder / f"{name}{z:04.1f}.dcm", RAMP[0], (0, 0, z), orientation, **tags)
  return folder


def groups(folder, **how):
  """First letters and counts of the series' files."""
  return sorted((one.files[0][len(str(folder)) + 1], len(one.files)) for one in found_in(folder, **how))


@pytest.mark.parametrize(
  "keyword", ["SeriesInstanceUID", "FrameOfReferenceUID", "StudyInstanceUID", "PatientID"]
)
def test_what_says_that_slices_are_of_different_volumes_parts_them(tmp_path, keyword):
  """Even where their positions would make one even stack."""
  write(tmp_path, "a", (0, 2, 4), **{keyword: "1.2"})
  write(tmp_path, "b", (6, 8), **{keyword: "1.3"})
  assert groups(tmp_path) == [("a", 3), ("b", 2)]
  assert groups(tmp_path, one_series=True) == [("a", 5)]


def test_a_frame_that_some_slices_do_not_name_is_the_only_one_there_is(tmp_path):
  write(tmp_path, "a", (0, 2, 4), FrameOfReferenceUID="1.2")
  write(tmp_path, "b", (6, 8))
  assert groups(tmp_path) == [("a", 5)]


def test_size_and_orientation_part_slices_of_one_uid(tmp_path):
  write(tmp_path, "a", (0, 2))
  write(tmp_path, "b", (0,), (1, 0, 0, 0, 0, -1))
  assert groups(tmp_path) == [("a", 2), ("b", 1)] == groups(tmp_path, one_series=True)


@pytest.mark.parametrize("depths", [(0, 2, 4), (1, 3, 5), (4, 6, 8)])
def test_acquisitions_that_lie_over_each_other_are_phases(tmp_path, depths):
  """At the same positions, in between, and at one of them."""
  write(tmp_path, "a", (0, 2, 4), AcquisitionNumber=1)
  write(tmp_path, "b", depths, AcquisitionNumber=2)
  assert groups(tmp_path) == [("a", 3), ("b", 3)]


@pytest.mark.parametrize(
  "keyword, values",
  [
    ("AcquisitionTime", ("101010", "101110")),
    ("ConvolutionKernel", ("B30f", "B70f")),
    ("KVP", (80, 140)),
    ("SliceThickness", (5, 1)),
    ("TemporalPositionIdentifier", (1, 2)),
    ("ImageType", (["ORIGINAL", "PRIMARY", "AXIAL"], ["DERIVED", "SECONDARY", "AXIAL"])),
  ],
)
def test_scans_whose_slices_alternate_are_two_even_where_they_make_one_even_stack(tmp_path, keyword, values):
  """SimpleITK#1185: phases or kernels under one UID and one acquisition number became one striped volume."""
  for name, value, first in zip("ab", values, (0, 2)):
    write(tmp_path, name, range(first, 16, 4), **{keyword: value, "AcquisitionNumber": 1})
  assert groups(tmp_path) == [("a", 4), ("b", 4)]
  one, other = found_in(tmp_path)
  assert one.code != other.code and one.part and one.part != other.part


@pytest.mark.parametrize(
  "keyword, values",
  [
    ("SliceThickness", ("5", "5.0")),
    ("SliceThickness", ("0.62", "0.63")),
    ("KVP", ("120", "120.0")),
    ("AcquisitionTime", ("120000", "120000.000")),
    ("ImageType", (["ORIGINAL", "PRIMARY", "AXIAL"], ["ORIGINAL", "PRIMARY", "AXIAL", ""])),
  ],
)
def test_one_value_written_in_two_ways_parts_nothing(tmp_path, keyword, values):
  for name, value, first in zip("ab", values, (0, 2)):
    write(tmp_path, name, range(first, 16, 4), **{keyword: value})
  assert groups(tmp_path) == [("a", 8)]


def test_a_first_and_a_last_slice_that_differ_part_nothing(tmp_path):
  write(tmp_path, "a", range(2, 14, 2), SliceThickness=5)
  write(tmp_path, "b", (0, 14), SliceThickness=2.5)
  assert groups(tmp_path) == [("a", 8)]


def test_codes_are_what_they_were_before_other_values_parted_series(tmp_path):
  """They stand in people's manifests."""
  write(tmp_path, "a", (0, 2, 4), AcquisitionNumber=1)
  write(tmp_path, "b", (0, 2, 4), AcquisitionNumber=2, KVP=80, AcquisitionTime="101010")
  write(tmp_path, "c", (0,), (1, 0, 0, 0, 0, -1))
  assert [one.code for one in found_in(tmp_path)] == ["359e6c", "13357a", "bc7505"]


def test_times_and_voltages_of_slices_that_follow_one_another_part_nothing(tmp_path):
  for number, z in enumerate(range(0, 12, 2)):
    write(tmp_path, "abcdef"[number], (z,), AcquisitionTime=f"10101{number}", KVP=80 + 60 * (z > 5))
  assert groups(tmp_path) == [("a", 6)]


@pytest.mark.parametrize("uids", [("SeriesInstanceUID",), ("StudyInstanceUID", "FrameOfReferenceUID")])
def test_files_with_uids_of_their_own_that_lie_as_one_scan_are_one(tmp_path, uids):
  """fo-dicom#497: an anonymiser gave each file its own."""
  for number in range(5):
    tags = dict.fromkeys(uids, f"1.2.9.{number}")
    write(tmp_path, "abcde"[number], (2 * number,), PatientID="p", SeriesNumber=2, **tags)
  assert groups(tmp_path) == [("a", 5)]
  write(tmp_path, "f", (15,), PatientID="p", SeriesNumber=2, **{uids[0]: "1.2.9.9"})
  assert len(groups(tmp_path)) > 1  # not evenly behind the others
  (tmp_path / "f15.0.dcm").unlink()
  write(tmp_path, "g", (10,), PatientID="q", SeriesNumber=2, **{uids[0]: "1.2.9.9"})
  assert len(groups(tmp_path)) > 1  # of another patient


def test_acquisitions_that_follow_one_another_are_one_scan(tmp_path):
  for number, depths in enumerate([(0, 2), (4, 6), (8,)]):
    write(tmp_path, "abc"[number], depths, AcquisitionNumber=number + 1)
  assert groups(tmp_path) == [("a", 5)]


@pytest.mark.parametrize("numbers", [(1, None), (1, 1), (None, None)])
def test_doubled_positions_without_a_number_each_stay_together_and_reading_refuses_them(tmp_path, numbers):
  for name, number in zip("ab", numbers):
    write(tmp_path, name, (0, 2), **({} if number is None else {"AcquisitionNumber": number}))
  assert groups(tmp_path) == [("a", 4)]


def test_acquisitions_of_single_slices_are_not_parted(tmp_path):
  for number, (name, z) in enumerate([("a", 0), ("b", 2), ("c", 2), ("d", 4)]):
    write(tmp_path, name, (z,), AcquisitionNumber=number)
  assert groups(tmp_path) == [("a", 4)]


def test_slices_without_a_place_are_left_to_their_uid(tmp_path):
  write(tmp_path, "a", (0, 2))
  write(tmp_path, "b", (4,), ImagePositionPatient=None)
  assert groups(tmp_path) == [("a", 3)]


def test_what_a_series_is_called_does_not_depend_on_the_others(tmp_path):
  tags = {"SeriesNumber": 2, "SeriesDescription": "Portal Doe", "PatientName": "Doe^Jane"}
  write(tmp_path, "a", (0, 2), AcquisitionNumber=1, **tags)
  (before,) = found_in(tmp_path)
  assert (before.number, before.description, before.part) == ("2", "Portal", "")
  assert re.fullmatch("[0-9a-f]{6}", before.code)
  write(tmp_path, "b", (0, 2), AcquisitionNumber=2, **tags)
  write(tmp_path, "c", (0, 2), SeriesInstanceUID="9.9", **tags)
  after = {one.files[0][len(str(tmp_path)) + 1]: one for one in found_in(tmp_path)}
  assert after["a"].code == before.code and after["a"].part == "acquisition 1"
  assert len({one.code for one in after.values()}) == 3


def refusal(found, wanted):
  with pytest.raises(InputError) as caught:
    chosen("ct", found, wanted)
  return str(caught.value)


def test_a_series_is_chosen_by_number_uid_or_code(tmp_path):
  write(tmp_path, "a", (0, 2), SeriesInstanceUID="1.1", SeriesNumber=10)
  write(tmp_path, "b", (0, 2, 4), SeriesInstanceUID="1.2", SeriesNumber=9)
  found = found_in(tmp_path)
  assert [one.number for one in found] == ["9", "10"]
  for wanted in ("9", "1.2", found[0].code):
    assert chosen("ct", found, wanted) is found[0]
  assert chosen("ct", found[:1], "") is found[0]
  there = f"{found[0].code} (number 9, 3 slices, UID 1.2), {found[1].code} (number 10, 2 slices, UID 1.1)"
  assert refusal(found, "").startswith(f"ct: holds 2 series, one is read: {there}; name one by")
  assert refusal(found, "8").startswith(f'ct: holds no series "8"; it holds {there}. ')


def test_parts_of_one_uid_are_named_by_their_codes(tmp_path):
  write(tmp_path, "a", (0, 2), FrameOfReferenceUID="5.1", SeriesNumber=3)
  write(tmp_path, "b", (0, 2), FrameOfReferenceUID="5.2", SeriesNumber=3)
  found = found_in(tmp_path)
  for wanted in ("3", "1.2.3"):
    said = refusal(found, wanted)
    assert f"{found[0].code} (number 3, 2 slices, frame 5.1)" in said and said.endswith("its code.")
  assert chosen("ct", found, found[1].code) is found[1]


def test_long_uids_are_cut_where_they_leave_no_room(tmp_path):
  for number, name in enumerate("ab"):
    write(tmp_path, name, (0, 2), SeriesInstanceUID=f"1.2.840.{'3' * 50}{number}", SeriesNumber=number)
  said = refusal(found_in(tmp_path), "")
  assert len(said) < 260 and "number 0, 2 slices, UID ...33333333333330" in said
