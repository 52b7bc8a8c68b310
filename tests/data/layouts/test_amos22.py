"""AMOS22: MR among the numbers, values that shift behind the missing portal vein, other classes."""

import numpy as np

from tests.data.layouts.raw_files import assert_phantom, labels, of, prepare, scan

# As its dataset.json counts them, up to the duodenum.
NAMES = """spleen, right kidney, left kidney, gallbladder, esophagus, liver, stomach, aorta,
  inferior vena cava, pancreas, right adrenal gland, left adrenal gland"""
VALUES = {value: name.strip() for value, name in enumerate(NAMES.split(","), 1)}


def write_case(folder, part, number, index):
  label = of(VALUES.values(), index, VALUES)
  label[:2] = np.where(label[:2] == 0, 14, label[:2])  # a bladder
  scan(folder / f"images{part}" / f"amos_{number:04d}.nii.gz", index)
  labels(folder / f"labels{part}" / f"amos_{number:04d}.nii.gz", label, index)


def test_ct_alone_by_our_values(tmp_path):
  write_case(tmp_path, "Tr", 1, 0)
  write_case(tmp_path, "Va", 8, 1)
  for folder in ("imagesTr", "labelsTr"):
    (tmp_path / folder / "amos_0507.nii.gz").write_bytes(b"an MR, not looked at")
  cases, manifest = prepare("amos22", tmp_path, tmp_path)
  assert list(cases) == ["amos_0001"]
  assert_phantom(cases["amos_0001"], VALUES.values())
  assert any("amos_0507.nii.gz): these numbers are MR" in note for note in manifest.notes)
  cases, _ = prepare("amos22", tmp_path, tmp_path / "va", part="held_out")
  assert_phantom(cases["amos_0008"], VALUES.values(), 1)
