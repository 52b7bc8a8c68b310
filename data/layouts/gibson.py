"""Gibson's labels (Zenodo 1169361) for scans of BTCV and of NIH Pancreas-CT, which it does not hold.

Of the BTCV scans, those of the challenge's training set have all 13 organs, those of its test set 8, as the
NIH scans have: in them right kidney, aorta, veins and adrenals are unknown.
"""

from __future__ import annotations

import pathlib

import numpy as np

from data.cases import Case, Reading
from data.formats import nifti
from data.input_error import InputError
from data.layouts import btcv, nih_pancreas
from data.layouts.layout import Files, Found, FoundFile, Layout, by_number, left_out, paired
from data.listed import listed
from data.organs import BTCV_ORGANS

EIGHT = (1, 3, 4, 5, 6, 7, 11)  # and the duodenum, which is no organ of ours
DUODENUM = 14
ONLY_IN_FULL = {2, 8, 9, 10, 12, 13}
# Solid organs, in which HU differ little; most are in either set.
EVEN = ("spleen", "left kidney", "liver", "pancreas")
_READING = Reading(placed_by=EVEN)


def find(files: Files) -> Found:
  """Pairs label_btcv_multiorgan with img0001, label_tcia_multiorgan with PANCREAS_0001."""
  labels = [(_own_folder(file), file) for file in files.matching(btcv.LABEL) if file.is_in("multiorgan")]
  of_btcv = by_number(file for folder, file in labels if "btcv" in folder)
  btcv_pairs, notes = paired(btcv.scans(files), of_btcv)
  nih_labels = by_number(file for folder, file in labels if "tcia" in folder)
  nih_scans = nih_pancreas.scans(files)
  withdrawn = [number for number in nih_pancreas.WITHDRAWN if nih_labels.pop(number, None)]
  for number in nih_pancreas.WITHDRAWN:
    nih_scans.pop(number, None)
  nih_pairs, nih_notes = paired(nih_scans, nih_labels)
  cases = [_btcv_case(number, *pair) for number, pair in btcv_pairs.items()]
  cases += [_eight(f"tcia_{number:04d}", *pair) for number, pair in nih_pairs.items()]
  why = "their scans were withdrawn by TCIA"
  gone = left_out("labels", [f"label{number:04d}" for number in withdrawn], why)
  return Found(tuple(cases), (*gone, *notes, *nih_notes))


def _own_folder(file: FoundFile) -> str:
  """The innermost folder of the labels' own; one above may be called after both data sets."""
  return next(folder for folder in reversed(file.folders) if "multiorgan" in folder)


def _btcv_case(number: int, image: pathlib.Path, label: pathlib.Path) -> Case:
  """All 13 organs or 8, by the values that are there."""
  case_id = f"btcv_{number:04d}"
  values = set(np.unique(nifti.read_voxels(label).voxels).astype(int).tolist()) - {0}
  if not values & ONLY_IN_FULL:
    return _eight(case_id, image, label)
  if not {2, 8, 9, 11} <= values:
    raise InputError(
      f"{label}: holds the values {listed(sorted(values), 14)}: neither 13 organs nor 8 (1, 3 to 7, 11, 14); "
      "in a 9-label variant 8 is the pancreas and 9 the duodenum. Fetch Zenodo's record 1169361."
    )
  return Case(
    case_id, image, label, BTCV_ORGANS, btcv.VALUES, background=frozenset({DUODENUM}), reading=_READING
  )


def _eight(case_id: str, image: pathlib.Path, label: pathlib.Path) -> Case:
  values = {value: btcv.VALUES[value] for value in EIGHT}
  return Case(
    case_id,
    image,
    label,
    tuple(values.values()),
    values,
    background=frozenset({DUODENUM}),
    reading=_READING,
  )


LAYOUT = Layout(
  "btcv_tcia_gibson",
  "89 scans: 30 with all 13 organs, 59 with 7; needs the scans of btcv and nih_pancreas below the same "
  "folder",
  "label_btcv_multiorgan/label0001.nii.gz with img0001.nii.gz of BTCV, "
  "label_tcia_multiorgan/label0002.nii.gz with PANCREAS_0002 of NIH",
  find,
  labelled=89,
)
