"""VISCERAL Anatomy3, gold corpus, contrast CT of thorax and abdomen: one binary mask an organ and patient.

A file that is missing means that the organ was not annotated, not that there is none. Names and RadLex ids
are those of the organisers' database dump (silverCorpusFramework, createTables.sql).
"""

from __future__ import annotations

import pathlib

from data.cases import Case
from data.input_error import InputError
from data.layouts.layout import NIFTI, Files, Found, Layout, left_out
from data.organs import BTCV_ORGANS

RADLEX = {
  86: "spleen",
  29662: "right kidney",
  29663: "left kidney",
  187: "gallbladder",
  58: "liver",
  480: "aorta",
  170: "pancreas",
  30324: "right adrenal gland",
  30325: "left adrenal gland",
}
# Bladder, trachea, lungs, sternum, first lumbar vertebra, psoas and rectus muscles, thyroid.
OTHERS = {237, 1247, 1302, 1326, 2473, 29193, 32248, 32249, 40357, 40358, 7578}
# Patients whose masks people drew; those of others are votes of programs.
GOLD = {str(10000000 + number) for number in (100, *range(104, 107), *range(108, 114), *range(127, 137))}
FAULTY = {"10000107", "10000157"}  # reconstructions, miccai19_self_supervision
_SCAN = r"(\d+)_(\d+)_CTce_ThAb"


def find(files: Files) -> Found:
  """Pairs each scan with its masks; the number behind the RadLex id is of the annotator and may be any."""
  scans = {file.match[1] + "_" + file.match[2]: file for file in files.matching(_SCAN + NIFTI)}
  masks: dict[str, dict[str, pathlib.Path]] = {}
  silver, unknown = [], []
  for file in files.matching(rf"{_SCAN}_(\d+)_(\d+){NIFTI}"):
    patient, radlex = file.match[1] + "_" + file.match[2], int(file.match[3])
    if file.is_in("silver") or (file.match[1] not in GOLD and file.match[1] not in FAULTY):
      silver.append(file.path.name)
    elif radlex in RADLEX:
      organ, of_patient = RADLEX[radlex], masks.setdefault(patient, {})
      if organ in of_patient:
        raise InputError(
          f"{file.path}: is a second mask of {organ}, beside {of_patient[organ].name}; keep one below "
          "--raw_dir."
        )
      of_patient[organ] = file.path
    elif radlex not in OTHERS:
      unknown.append(file.path.name)
  cases = []
  for patient, scan in sorted(scans.items()):
    found = masks.get(patient)
    if found and scan.match[1] not in FAULTY:
      annotated = tuple(organ for organ in BTCV_ORGANS if organ in found)
      paths = {organ: (found[organ],) for organ in annotated}
      cases.append(
        # a patient may have several volumes
        Case(
          f"visceral_{patient}",
          scan.path,
          None,
          annotated,
          {},
          masks=paths,
          patient=f"visceral_{scan.match[1]}",
        )
      )
  others = [
    file.path.name for file in files.matching(rf"\d+_\d+_(?!CTce_ThAb)[A-Za-z0-9]+_[A-Za-z0-9]+{NIFTI}")
  ]
  faulty = [scan.path.name for scan in scans.values() if scan.match[1] in FAULTY]
  bare = [scan.path.name for patient, scan in scans.items() if patient not in masks]
  notes = (
    *left_out("scans", others, "they are no contrast CT of thorax and abdomen"),
    *left_out("scans", faulty, "their reconstruction is faulty"),
    *left_out("scans without masks", bare),
    *left_out("masks without a scan", sorted(set(masks) - set(scans))),
    *left_out("masks of the silver corpus", silver, "they are votes of programs, not of people"),
    *left_out("masks of structures that are not known here", unknown),
  )
  return Found(tuple(cases), notes)


LAYOUT = Layout(
  "visceral",
  "20 scans, of spleen, kidneys, gallbladder, liver, aorta, pancreas, adrenals those that have a file",
  "10000100_1_CTce_ThAb.nii.gz and 10000100_1_CTce_ThAb_58_6.nii.gz (the liver)",
  find,
  labelled=20,
  wrong=((r"_MRT1[^/]*$", "these are MR volumes; the CTs are named ..._CTce_ThAb"),),
)
