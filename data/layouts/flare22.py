"""FLARE22 (Zenodo 7860267), its 50 labelled scans. It has no portal vein."""

from __future__ import annotations

from data.cases import Case
from data.layouts.layout import NIFTI, Files, Found, Layout, by_number, left_out, paired
from data.organs import BTCV_ORGANS

VALUES = {
  1: "liver",
  2: "right kidney",
  3: "spleen",
  4: "pancreas",
  5: "aorta",
  6: "inferior vena cava",
  7: "right adrenal gland",
  8: "left adrenal gland",
  9: "gallbladder",
  10: "esophagus",
  11: "stomach",
  13: "left kidney",
}
DUODENUM = 12


def find(files: Files) -> Found:
  """Pairs FLARE22_Tr_0001_0000 (a scan) with FLARE22_Tr_0001 (its labels)."""
  images = by_number(files.matching(rf"FLARE22_Tr_(\d{{4}})_0000{NIFTI}"))
  labels = by_number(files.matching(rf"FLARE22_Tr_(\d{{4}}){NIFTI}"))
  pairs, notes = paired(images, labels)
  annotated = tuple(organ for organ in BTCV_ORGANS if organ in VALUES.values())
  cases = [
    Case(f"flare22_{number:04d}", image, label, annotated, VALUES, background=frozenset({DUODENUM}))
    for number, (image, label) in pairs.items()
  ]
  others = [file.path.name for file in files.matching(rf"(?!FLARE22_Tr_).+_0000{NIFTI}")]
  return Found(tuple(cases), (*notes, *left_out("scans without labels", others)))


LAYOUT = Layout(
  "flare22",
  "50 scans, 12 organs (no portal and splenic vein)",
  "images/FLARE22_Tr_0001_0000.nii.gz and labels/FLARE22_Tr_0001.nii.gz",
  find,
  labelled=50,
)
