"""Ids of scans: short where they can be, from paths where they must, refused where two look alike."""

import os
import pathlib

import pytest

from data.dicom.several import Series
from data.input_error import InputError
from deeplab_panns.prediction.input_names import (
  case_ids,
  named_by_path,
  named_by_series,
  require_no_patients,
  require_usable,
)
from deeplab_panns.prediction.scan import Scan

ROOT = pathlib.Path("scans")


def ids_of(*names):
  scans = [Scan(ROOT / name) for name in names]
  ids = case_ids(ROOT, scans)
  assert list(ids.values()) == scans
  return list(ids)


def test_an_id_is_the_scans_own_name_without_its_ending():
  assert ids_of("a.nii.gz", "x/b.nrrd", "p/ST0/SE0") == ["a", "b", "SE0"]
  assert case_ids(ROOT / "a.nii", [Scan(ROOT / "a.nii")]) == {"a": Scan(ROOT / "a.nii")}


def test_scans_of_one_name_are_told_apart_by_their_paths_and_that_is_said():
  names = ["p1/ST0/SE0", "p2/ST0/SE0", "other/CT", "a.nii", "b/a.nii"]
  assert ids_of(*names) == ["p1_ST0_SE0", "p2_ST0_SE0", "CT", "a", "b_a"]
  said = named_by_path(ROOT, case_ids(ROOT, [Scan(ROOT / name) for name in names]))
  assert said.startswith("3 inputs share their names with others") and "p1_ST0_SE0, p2_ST0_SE0" in said
  assert named_by_path(ROOT, {"CT": Scan(ROOT / "other" / "CT")}) == ""


def of_series(path, code, number="2", description="portal", alone=False):
  return Scan(ROOT / path, ("0.dcm",), Series("1.2", number, description, code, ("0.dcm",)), alone)


def test_several_series_of_a_folder_are_named_by_number_description_and_code():
  scans = [
    of_series("ct", "aaaaaa"),
    of_series("ct", "bbbbbb", "", ""),
    of_series("p/ct", "cccccc", alone=True),
  ]
  ids = case_ids(ROOT, scans)
  assert list(ids) == ["ct_2_portal_aaaaaa", "ct_bbbbbb", "ct"]
  assert named_by_path(ROOT, ids) == ""
  assert named_by_series(ids) == (
    "1 folder or archive holds several scans (ct), each a case of its own, 2 in all: "
    "ct_2_portal_aaaaaa, ct_bbbbbb"
  )
  assert named_by_series({"ct": scans[2]}) == ""


def test_a_series_keeps_the_name_that_it_had_when_it_was_alone():
  alone = [of_series("p/ct", "aaaaaa", alone=True), of_series("q/ct", "cccccc", alone=True)]
  assert list(case_ids(ROOT, alone[:1])) == ["ct"]
  both = [of_series("p/ct", "aaaaaa"), of_series("p/ct", "bbbbbb", "3")]
  assert list(case_ids(ROOT, both, {"ct": "aaaaaa"})) == ["ct", "ct_3_portal_bbbbbb"]
  assert list(case_ids(ROOT, both, {"ct": "dddddd"})) == ["ct_2_portal_aaaaaa", "ct_3_portal_bbbbbb"]
  before = {name: scan.series.code for name, scan in case_ids(ROOT, alone).items()}
  assert list(case_ids(ROOT, both, before)) == ["p_ct", "ct_3_portal_bbbbbb"]


@pytest.mark.parametrize(
  "names",
  [("a.nii.gz", "a.nrrd"), ("caf\u00e9.nii", "cafe\u0301.nii"), ("a_b.nii", "a/b.nii", "b.nii")],
)
def test_scans_that_cannot_be_told_apart_are_refused(names):
  with pytest.raises(InputError, match=r"scans: several inputs have the same id \(.*; rename all but one"):
    ids_of(*names)


def test_an_id_must_be_text_and_leave_room_for_the_ending():
  require_usable("\u00e9" * 117, "a.nii")  # 234 bytes
  with pytest.raises(InputError, match=r"^\u00e9{40}\.\.\.: this id is 236 bytes long; 235 leave room"):
    require_usable("\u00e9" * 118, "a.nii")
  name = os.fsdecode(b"caf\xe9")
  with pytest.raises(InputError, match="the name is not in UTF-8; rename it"):
    require_usable(name, f"{name}.nii")


def test_the_longest_id_can_be_written(tmp_path):
  require_usable("x" * 235, "a.nii")
  (tmp_path / f".{'x' * 235}.nii.gz.4194304.tmp").touch()  # as data.whole_file names it; the highest number


def test_ids_that_name_patients_are_refused_and_not_repeated():
  jane = Scan(ROOT / "Doe_Jane", series=Series("1.2", "", "", "abcdef", (), personal=("Doe^Jane", "4711")))
  with pytest.raises(InputError, match=r"^--input: 1 of 2 scans lie in .* --keep_patient_ids") as raised:
    require_no_patients({"Doe_Jane": jane, "b": Scan(ROOT / "b.nii")})
  assert "Jane" not in str(raised.value) + repr(jane.series)
  require_no_patients({"a": jane, "Doe_Jane": Scan(ROOT / "Doe_Jane.nii")})
