"""VISCERAL: a file an organ, some missing, annotators' numbers that differ, MR and silver labels."""

import pytest

from data.input_error import InputError
from data.layouts.layout import Files
from data.layouts.visceral import find
from tests.data.layouts.raw_files import assert_phantom, labels, of, prepare, scan

RADLEX = {  # www.radlex.org
  58: "liver",
  86: "spleen",
  170: "pancreas",
  187: "gallbladder",
  480: "aorta",
  29662: "right kidney",
  29663: "left kidney",
  30324: "right adrenal gland",
  30325: "left adrenal gland",
}


def write_patient(folder, patient, index, missing=()):
  stem = f"{patient}_1_CTce_ThAb"
  scan(folder / "Volumes" / f"{stem}.nii.gz", index)
  for number, (radlex, organ) in enumerate(RADLEX.items()):
    if radlex not in missing:
      path = folder / "Segmentations" / f"{stem}_{radlex}_{4 + number % 5}.nii.gz"
      labels(path, of([organ], index, {255: organ}), index)
  labels(folder / "Segmentations" / f"{stem}_1302_6.nii.gz", of(["liver"], index), index)  # a lung


def test_what_has_no_file_is_unknown(tmp_path):
  write_patient(tmp_path, 10000100, 0)
  write_patient(tmp_path, 10000104, 1, missing=(30324, 30325))
  (tmp_path / "Volumes" / "10000100_1_MRT1_wb.nii.gz").write_bytes(b"not looked at")
  cases, manifest = prepare("visceral", tmp_path, tmp_path)
  assert_phantom(cases["visceral_10000100_1"], RADLEX.values())
  without = [organ for organ in RADLEX.values() if "adrenal" not in organ]
  assert_phantom(cases["visceral_10000104_1"], without, 1)
  note, few = manifest.notes
  assert few == "2 of the data set's 20 labelled scans are here"
  assert "left out: 1 scans (10000100_1_MRT1_wb.nii.gz): they are no contrast CT" in note
  assert [case.patient for case in manifest.cases] == ["visceral_10000100", "visceral_10000104"]


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_silver_labels_faulty_scans_and_unknown_structures_are_told(tmp_path):
  touch(
    tmp_path,
    "10000107_1_CTce_ThAb.nii.gz",
    "10000107_1_CTce_ThAb_58_6.nii.gz",
    "silver/10000200_1_CTce_ThAb_58_6.nii.gz",
    "VotingFusion/10000201_1_CTce_ThAb_58_6.nii.gz",
    "10000105_1_CTce_ThAb.nii.gz",
    "10000105_1_CTce_ThAb_999_6.nii.gz",
  )
  found = find(Files(tmp_path))
  assert not found.cases
  told = "; ".join(found.notes)
  for words in ("faulty", "votes of programs", "without masks (10000105", "not known here"):
    assert words in told


def test_two_annotators_of_one_organ_are_named(tmp_path):
  touch(tmp_path, "10000100_1_CTce_ThAb_58_6.nii.gz", "10000100_1_CTce_ThAb_58_7.nii.gz")
  with pytest.raises(InputError, match="second mask of liver"):
    find(Files(tmp_path))
