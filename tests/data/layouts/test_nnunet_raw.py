"""nnU-Net's raw format: both versions, the ignore label, the CT among channels, organs in any spelling."""

import json

import numpy as np
import pytest

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases
from data.organs import BTCV_ORGANS, IGNORE
from tests.data.layouts.raw_files import assert_phantom, canonical, labels, of, phantom, prepare, scan

V2 = {"background": 0, "Kidney_Right": 1, "liver": 2, "ignore": 3}
V1 = {"0": "background", "1": "Right Kidney", "2": "liver"}
VALUES = {1: "right kidney", 2: "liver"}


def write(folder, content, label, channel="0000"):
  scan(folder / "imagesTr" / f"case_1_{channel}.nii.gz")
  labels(folder / "labelsTr" / "case_1.nii.gz", label)
  (folder / "dataset.json").write_text(json.dumps(content))


def test_version_2_with_an_ignore_label(tmp_path):
  label = of(VALUES.values(), 0, VALUES)
  label[0][label[0] == 0] = 3
  folder = tmp_path / "Dataset005_Mine"
  names = {"channel_names": {"0": "PET", "1": "CT"}, "labels": V2, "file_ending": ".nii.gz"}
  write(folder, names, label, "0001")
  cases, _ = prepare("nnunet_raw", tmp_path, tmp_path)
  expected = canonical(of(VALUES.values()))
  expected = np.where(canonical(label) == 3, IGNORE, expected)
  np.testing.assert_array_equal(cases["case_1"].label(), expected)
  assert cases["case_1"].annotated == ("right kidney", "liver") and (expected == IGNORE).any()


def test_version_1(tmp_path):
  write(tmp_path, {"modality": {"0": "CT"}, "labels": V1}, of(VALUES.values(), 0, VALUES))
  assert_phantom(prepare("nnunet_raw", tmp_path, tmp_path)[0]["case_1"], VALUES.values())


def test_other_organs_are_the_stores_own(tmp_path):
  names = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "kidney": 1, "liver": 2}}
  write(tmp_path, names, phantom().label * 0)
  manifest = find_cases("nnunet_raw", tmp_path, Choice())
  assert manifest.organs == manifest.cases[0].annotated == ("kidney", "liver") != BTCV_ORGANS


def test_a_region_of_one_value_is_that_value(tmp_path):
  names = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "kidney": [1], "liver": 2}}
  write(tmp_path, names, phantom().label * 0)
  assert find_cases("nnunet_raw", tmp_path, Choice()).cases[0].values == {1: "kidney", 2: "liver"}


def test_a_value_twice_is_refused(tmp_path):
  write(tmp_path, {"modality": {"0": "CT"}, "labels": V1}, phantom().label * 0)
  text = (tmp_path / "dataset.json").read_text().replace('"2": "liver"', '"2": "liver", "2": "spleen"')
  (tmp_path / "dataset.json").write_text(text)
  with pytest.raises(InputError, match='the key "2" stands twice'):
    find_cases("nnunet_raw", tmp_path, Choice())


def test_files_that_dataset_json_lists(tmp_path):
  entry = {"images": ["imagesTr/case_1_0000.nii.gz"], "label": "labelsTr/case_1.nii.gz"}
  names = {"channel_names": {"0": "CT"}, "labels": V2, "dataset": {"one": entry}}
  write(tmp_path, names, phantom().label * 0)
  (tmp_path / "labelsTr").rename(tmp_path / "labels")
  names["dataset"]["one"]["label"] = "labels/case_1.nii.gz"
  (tmp_path / "dataset.json").write_text(json.dumps(names))
  (case,) = find_cases("nnunet_raw", tmp_path, Choice()).cases
  assert case.id == "one" and case.image.name == "case_1_0000.nii.gz"


@pytest.mark.parametrize(
  "content, says",
  [
    ({"channel_names": {"0": "MRI"}, "labels": V2}, "exactly one CT"),
    ({"labels": V2}, "channel_names"),
    ({"channel_names": {"0": "CT"}, "labels": {"background": 0, "whole": [1, 2]}}, "region whole"),
    ({"channel_names": {"0": "CT"}, "labels": {"background": 0}}, "no organ"),
    ({"channel_names": {"0": "CT"}, "labels": {"a": 1, "b": 1}}, "twice"),
    ({"channel_names": {"0": "CT"}, "labels": {"spleen": 0, "liver": 1}}, "0 is spleen"),
    ({"channel_names": {"0": "CT"}, "labels": {"liver": 1, "Background": 2}}, "2 is Background"),
    ({"channel_names": {"0": "CT"}, "labels": {"0": "liver", "1": "spleen"}}, "0 is liver"),
    ({"channel_names": {"0": "CT"}}, "no dataset.json of nnU-Net"),
  ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, content, says):
  (tmp_path / "labelsTr").mkdir()
  (tmp_path / "dataset.json").write_text(json.dumps(content))
  with pytest.raises(InputError, match=says) as caught:
    find_cases("nnunet_raw", tmp_path, Choice())
  assert "\n" not in str(caught.value)


def test_what_is_not_taken_is_told(tmp_path):
  """A scan without a label map, one whose label map has another ending, and scans to be predicted."""
  names = {"channel_names": {"0": "CT"}, "labels": V2, "file_ending": ".nii.gz", "numTraining": 3}
  write(tmp_path, names, phantom().label * 0)
  for name in ("c2", "c3"):
    scan(tmp_path / "imagesTr" / f"{name}_0000.nii.gz")
  (tmp_path / "labelsTr" / "c3.nii").touch()
  scan(tmp_path / "imagesTs" / "t1_0000.nii.gz")
  notes = find_cases("nnunet_raw", tmp_path, Choice()).notes
  assert any(
    "left out: 2 cases of imagesTr (c2, c3): no label map of that name and ending" in n for n in notes
  )
  assert any("left out: 1 cases of imagesTs, which are to be predicted" in note for note in notes)
  assert any('"numTraining" says 3, and 1 cases are listed or have a label map' in note for note in notes)
