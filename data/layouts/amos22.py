"""AMOS22 (Zenodo 7262581), its CTs: the larger numbers are MR. It has no portal vein."""

from __future__ import annotations

from data.cases import Case
from data.layouts.layout import HELD_OUT, NIFTI, TRAINING, Files, Found, Layout, by_number, left_out, paired
from data.organs import BTCV_ORGANS

# 1 to 9 are ours; it has no portal and splenic vein between them and the pancreas.
VALUES = {
  **{value: BTCV_ORGANS[value - 1] for value in range(1, 10)},
  10: "pancreas",
  11: "right adrenal gland",
  12: "left adrenal gland",
}
BACKGROUND = frozenset({13, 14, 15})  # duodenum, bladder, prostate or uterus
# (part, last number that is a CT, fold), nnU-Net's Dataset218_Amos2022_task1.
PARTS = (("tr", 410, TRAINING), ("va", 409, HELD_OUT))


def find(files: Files) -> Found:
  """Pairs imagesTr with labelsTr and imagesVa with labelsVa."""
  scans = files.matching(rf"amos_(\d{{4}}){NIFTI}")
  annotated = tuple(organ for organ in BTCV_ORGANS if organ in VALUES.values())
  cases: list[Case] = []
  notes: tuple[str, ...] = ()
  for part, last, fold in PARTS:
    images = by_number(file for file in scans if f"images{part}" in file.folders)
    labels = by_number(file for file in scans if f"labels{part}" in file.folders)
    mr = [path.name for number, path in images.items() if number > last]
    pairs, unpaired = paired(
      {number: path for number, path in images.items() if number <= last},
      {number: path for number, path in labels.items() if number <= last},
    )
    notes += (*left_out(f"scans of images{part.capitalize()}", mr, "these numbers are MR"), *unpaired)
    cases += [
      Case(f"amos_{number:04d}", image, label, annotated, VALUES, fold, BACKGROUND)
      for number, (image, label) in pairs.items()
    ]
  tests = [file.path.name for file in scans if file.is_in("imagests")]
  return Found(tuple(cases), (*notes, *left_out("scans of the test set, which have no labels", tests)))


LAYOUT = Layout(
  "amos22",
  "200 CTs and 100 held out, 12 organs (no portal and splenic vein)",
  "imagesTr/amos_0001.nii.gz and labelsTr/amos_0001.nii.gz",
  find,
)
