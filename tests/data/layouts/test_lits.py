"""LiTS: numbers without zeros, orientations that differ, and scans that lost their spacing."""

import nibabel
import numpy as np

from tests.data.layouts.raw_files import assert_phantom, labels, of, phantom, prepare, scan


def write_case(folder, number, index, axes, bare=False):
  label = of(["liver"], index, {1: "liver"})
  label[(label == 1) & (np.arange(label.shape[2]) % 3 == 0)] = 2
  paths = (
    scan(folder / f"volume-{number}.nii", index, axes),
    labels(folder / f"segmentation-{number}.nii", label, index, axes),
  )
  for path in paths if bare else ():
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(np.array(image.dataobj), np.eye(4)), path)


def test_scans_without_spacing_are_left_out_or_given_one(tmp_path):
  raw = tmp_path / "raw"
  write_case(raw / "Training Batch 1", 2, 0, "LPS")
  write_case(raw / "Training_Batch2", 10, 1, "RAS")
  write_case(raw / "Training_Batch2", 28, 2, "RAS", bare=True)
  cases, manifest = prepare("lits", raw, tmp_path)
  assert list(cases) == ["lits_2", "lits_10"]
  assert_phantom(cases["lits_2"], ["liver"])
  assert_phantom(cases["lits_10"], ["liver"], 1)
  assert any("1 cases (lits_28)" in note and "3D-IRCADb-1" in note for note in manifest.notes)
  spacing = tuple(np.diag(phantom(2).affine)[2::-1])
  cases, _ = prepare("lits", raw, tmp_path / "given", spacings={"lits_28": spacing})
  np.testing.assert_allclose(cases["lits_28"].spacing_mm, spacing)
  np.testing.assert_array_equal(cases["lits_28"].label(), of(["liver"], 2)[:, ::-1, ::-1])
