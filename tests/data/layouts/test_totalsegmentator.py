"""TotalSegmentator: a mask an organ, empty ones, cysts of the kidneys, and the split of meta.csv."""

import numpy as np
import pytest

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases
from data.organs import BTCV_ORGANS
from tests.data.layouts.raw_files import assert_phantom, labels, of, phantom, prepare, scan

MASKS = {  # names of the files
  "spleen": ["spleen"],
  "right kidney": ["kidney_right", "kidney_cyst_right"],
  "left kidney": ["kidney_left", "kidney_cyst_left"],
  "gallbladder": ["gallbladder"],
  "esophagus": ["esophagus"],
  "liver": ["liver"],
  "stomach": ["stomach"],
  "aorta": ["aorta"],
  "inferior vena cava": ["inferior_vena_cava"],
  "portal and splenic vein": ["portal_vein_and_splenic_vein"],
  "pancreas": ["pancreas"],
  "right adrenal gland": ["adrenal_gland_right"],
  "left adrenal gland": ["adrenal_gland_left"],
}


def write_case(folder, index, empty=()):
  scan(folder / "ct.nii.gz", index)
  for organ, names in MASKS.items():
    mask = of([] if organ in empty else [organ], index, {1: organ})
    if len(names) > 1:  # a kidney and its cyst: one half of the kidney here
      half = np.arange(mask.shape[2]) % 2 == 0
      labels(folder / "segmentations" / f"{names[1]}.nii.gz", mask * half, index, dtype=np.uint8)
      mask = mask * ~half
    labels(folder / "segmentations" / f"{names[0]}.nii.gz", mask, index, dtype=np.uint8)
  labels(folder / "segmentations" / "rib_left_1.nii.gz", phantom(index).label * 0 + 1, index)


def test_empty_masks_are_annotated(tmp_path):
  write_case(tmp_path / "s0000", 0)
  write_case(tmp_path / "s0001", 1, empty=["spleen"])
  write_case(tmp_path / "s0002", 2)
  split = "image_id;age;split\ns0000;50;train\ns0001;60;train\ns0002;70;test\n"
  (tmp_path / "meta.csv").write_text("\ufeff" + split, encoding="utf-8")
  cases, manifest = prepare("totalsegmentator", tmp_path, tmp_path)
  assert list(cases) == ["s0000", "s0001"]
  assert_phantom(cases["s0000"], BTCV_ORGANS)
  expected = of([organ for organ in BTCV_ORGANS if organ != "spleen"], 1)[:, ::-1, ::-1]
  np.testing.assert_array_equal(cases["s0001"].label(), expected)
  assert cases["s0001"].annotated == BTCV_ORGANS
  assert any("1 cases that the data set holds out" in note for note in manifest.notes)
  everything = find_cases("totalsegmentator", tmp_path, Choice(part="all")).cases
  assert [case.fold for case in everything] == [1, 1, 0]


def test_a_split_that_is_not_known_is_refused(tmp_path):
  scan(tmp_path / "s0000" / "ct.nii.gz")
  (tmp_path / "meta.csv").write_text("image_id;split\ns0000;mine\n")
  with pytest.raises(InputError, match="split mine"):
    find_cases("totalsegmentator", tmp_path, Choice())


def test_two_versions_with_a_split_each_are_refused(tmp_path):
  for version in ("v1", "v2"):
    scan(tmp_path / version / "s0000" / "ct.nii.gz")
    (tmp_path / version / "meta.csv").write_text("image_id;split\ns0000;train\n")
  with pytest.raises(InputError, match=r"holds 2 files meta\.csv .*one version by --raw_dir"):
    find_cases("totalsegmentator", tmp_path, Choice())
