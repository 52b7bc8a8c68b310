"""LiTS, Liver Tumor Segmentation challenge. Tumours belong to the liver; 20 scans have lost their spacing."""

from __future__ import annotations

from data.cases import Case
from data.layouts.layout import NIFTI, Files, Found, Layout, by_number, left_out, paired

TUMOUR = 2


def find(files: Files) -> Found:
  """Pairs volume-0 with segmentation-0, whatever the folders are called."""
  images = by_number(files.matching(rf"volume-(\d+){NIFTI}"))
  labels = by_number(files.matching(rf"segmentation-(\d+){NIFTI}"))
  pairs, notes = paired(images, labels)
  cases = [
    Case(f"lits_{number}", image, label, ("liver",), {1: "liver", TUMOUR: "liver"})
    for number, (image, label) in pairs.items()
  ]
  tests = [file.path.name for file in files.matching(rf"test-volume-(\d+){NIFTI}")]
  return Found(tuple(cases), (*notes, *left_out("scans of the test set, which have no labels", tests)))


LAYOUT = Layout(
  "lits",
  "131 scans, liver with its tumours (70 more without labels); 28 to 47 need --spacings",
  "Training Batch 1/volume-0.nii and segmentation-0.nii",
  find,
  labelled=131,
  without_spacing=(
    "volume-28 to volume-47 are the 20 cases of 3D-IRCADb-1 and lost their spacing: their affine is the "
    "identity. The DICOM files of 3D-IRCADb-1 have it: give it by --spacings"
  ),
  tumour=TUMOUR,
)
