"""WORD (HiLab-git/WORD). One value is both adrenals, which are left open: their voxels count nowhere."""

from __future__ import annotations

from data.cases import Case
from data.layouts.layout import HELD_OUT, NIFTI, TRAINING, Files, Found, Layout, by_number, paired
from data.organs import BTCV_ORGANS

# Sides: 3 and 4 are the other way round than in most data sets, confirmed by position in 30 cases.
VALUES = {
  1: "liver",
  2: "spleen",
  3: "left kidney",
  4: "right kidney",
  5: "stomach",
  6: "gallbladder",
  7: "esophagus",
  8: "pancreas",
}
BACKGROUND = frozenset({9, 10, 11, 13, 14, 15, 16})  # duodenum, colon, intestine, rectum, bladder, femurs
BOTH_ADRENALS = 12
PARTS = (("tr", TRAINING), ("val", HELD_OUT), ("ts", HELD_OUT))


def find(files: Files) -> Found:
  """Pairs imagesTr with labelsTr, imagesVal with labelsVal, imagesTs with labelsTs."""
  scans = files.matching(rf"word_(\d{{4}}){NIFTI}")
  annotated = tuple(organ for organ in BTCV_ORGANS if organ in VALUES.values())
  cases: list[Case] = []
  notes: tuple[str, ...] = ()
  for part, fold in PARTS:
    pairs, unpaired = paired(
      by_number(file for file in scans if f"images{part}" in file.folders),
      by_number(file for file in scans if f"labels{part}" in file.folders),
    )
    notes += unpaired
    cases += [
      Case(
        f"word_{number:04d}",
        image,
        label,
        annotated,
        VALUES,
        fold,
        BACKGROUND,
        frozenset({BOTH_ADRENALS}),
      )
      for number, (image, label) in pairs.items()
    ]
  return Found(tuple(cases), notes)


LAYOUT = Layout(
  "word",
  "100 scans and 50 held out, 8 organs (adrenals in one label: left open)",
  "imagesTr/word_0002.nii.gz and labelsTr/word_0002.nii.gz",
  find,
  wrong=(
    (r"WORD[^/]*\.zip$", "the archive is still packed: its password stands in the README of HiLab-git/WORD"),
  ),
)
