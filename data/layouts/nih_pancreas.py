"""NIH Pancreas-CT: The Cancer Imaging Archive, scans in DICOM and labels in NIfTI.

The label arrays are flipped front to back against the DICOM read the usual way, and their headers do not say
so reliably: how each lies on its scan is decided by the scan.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Collection

from data.cases import Case, Reading
from data.input_error import InputError
from data.layouts.btcv import LABEL
from data.layouts.layout import Files, Found, FoundFile, Layout, by_number, left_out, paired

# TCIA's version 2 of 2020-09-10 withdrew them: the same scan as case 2, cropped otherwise.
WITHDRAWN = (25, 70)


def find(files: Files) -> Found:
  """Pairs PANCREAS_0001/.../*.dcm with label0001.nii.gz."""
  labels = by_number(file for file in files.matching(LABEL) if _is_nihs(file))
  images = scans(files)
  dropped = [f"{number:04d}" for number in WITHDRAWN if number in images or number in labels]
  for number in WITHDRAWN:
    images.pop(number, None)
    labels.pop(number, None)
  pairs, notes = paired(images, labels)
  cases = [
    Case(
      f"nih_{number:04d}",
      image,
      label,
      ("pancreas",),
      {1: "pancreas"},
      reading=Reading(placed_by=("pancreas",)),
    )
    for number, (image, label) in pairs.items()
  ]
  why = "withdrawn by TCIA in 2020, since they are the scan of case 2"
  return Found(tuple(cases), (*left_out("cases", dropped, why), *notes))


def _is_nihs(file: FoundFile) -> bool:
  """BTCV's labels and Gibson's have the same names; theirs may lie beside these in a folder of raw data."""
  return not file.is_in("multiorgan") and (
    file.is_in("tcia", "pancreas") or not file.is_in("btcv", "rawdata", "training")
  )


def scans(files: Files) -> dict[int, pathlib.Path]:
  """{number: folder of DICOM slices}; each patient's slices lie one to three folders deep.

  Raises:
    InputError: If a patient has slices in two folders.
  """
  named = _by_patient(files, {".dcm", ".dicom", ".ima"})
  # Files without an ending may be slices; beside such with one they are licences.
  return dict(sorted({**_by_patient(files, {""}, set(named)), **named}.items()))


def _by_patient(
  files: Files, suffixes: Collection[str], but: Collection[int] = ()
) -> dict[int, pathlib.Path]:
  found: dict[int, pathlib.Path] = {}
  for folder in files.folders_with(suffixes):
    parts = folder.relative_to(files.folder.parent).parts
    matches = [re.fullmatch(r"PANCREAS_(\d{4})", part, re.IGNORECASE) for part in parts]
    numbers = [int(match[1]) for match in matches if match]
    if not numbers or numbers[-1] in but:
      continue
    number = numbers[-1]
    if number in found:
      raise InputError(
        f"{folder}: has slices of PANCREAS_{number:04d}, as {found[number]} has; keep the folder of one "
        "series."
      )
    found[number] = folder
  return found


LAYOUT = Layout(
  "nih_pancreas",
  "80 scans, pancreas",
  "Pancreas-CT/PANCREAS_0001/.../*.dcm and TCIA_pancreas_labels-02-05-2017/label0001.nii.gz",
  find,
  labelled=80,
  wrong=((r"\.tcia$", "this is the list of files for TCIA's downloader: fetch them by NBIA Data Retriever"),),
)
