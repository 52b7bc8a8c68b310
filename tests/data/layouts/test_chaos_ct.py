"""CHAOS: PNG k belongs to DICOM k by name, wherever that lies; thickness is not the distance."""

import numpy as np
import pytest
from PIL import Image

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases
from tests.data.layouts.raw_files import assert_phantom, canonical, dicom, of, prepare

FIVE = slice(12, 17)


def write_patient(folder, index, mode, descending):
  dicom(folder / "DICOM_anon", lambda k: f"i{k:04d},0000b.dcm", index, -1000, FIVE, descending, descending)
  (folder / "Ground").mkdir()
  slices = canonical(of(["liver"], index))[FIVE] > 0
  for k, mask in enumerate(slices[::-1] if descending else slices):
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    picture.convert(mode).save(folder / "Ground" / f"liver_GT_{k:03d}.png")


def test_one_bit_and_eight_bit_pictures(tmp_path):
  write_patient(tmp_path / "Train_Sets" / "CT" / "1", 0, "1", True)
  write_patient(tmp_path / "Train_Sets" / "CT" / "2", 1, "L", False)
  dicom(tmp_path / "Test_Sets" / "CT" / "3" / "DICOM_anon", lambda k: f"{k}.dcm", 0, slices=FIVE)
  mr = tmp_path / "Train_Sets" / "MR" / "1" / "T1DUAL"
  for name in ("DICOM_anon/InPhase/1.dcm", "Ground/1.png"):
    (mr / name).parent.mkdir(parents=True)
    (mr / name).touch()
  cases, manifest = prepare("chaos_ct", tmp_path, tmp_path)
  assert list(cases) == ["chaos_1", "chaos_2"]
  assert_phantom(cases["chaos_1"], ["liver"], 0, FIVE)
  assert_phantom(cases["chaos_2"], ["liver"], 1, FIVE)
  assert manifest.notes[0] == "left out: 1 scans without labels (3)"


def test_the_mr_part_is_told_from_the_ct_part(tmp_path):
  path = tmp_path / "MR" / "1" / "T1DUAL" / "DICOM_anon" / "InPhase" / "1.dcm"
  path.parent.mkdir(parents=True)
  path.touch()
  with pytest.raises(InputError, match="this is the MR part"):
    find_cases("chaos_ct", tmp_path, Choice())
