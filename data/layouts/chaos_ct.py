"""CHAOS, the CT part (Zenodo 3431873): DICOM scans, the liver as PNG slices paired with them by name."""

from __future__ import annotations

import pathlib

from data.cases import Case, Reading
from data.layouts.layout import Files, Found, Layout, left_out

# Some copies are said to have a SeriesInstanceUID of its own in each file.
_READING = Reading(one_series=True)


def find(files: Files) -> Found:
  """Pairs <id>/DICOM_anon with <id>/Ground. In MR, DICOM_anon lies below the name of a sequence."""
  scans = {
    folder.parent: folder
    for folder in files.folders_with({".dcm"})
    if folder.name.lower() == "dicom_anon" and folder.parent.name.isdigit() and not _is_mr(files, folder)
  }
  grounds = {
    folder.parent: folder
    for folder in files.folders_with({".png"})
    if folder.name.lower() == "ground" and not _is_mr(files, folder)
  }
  cases = [
    Case(
      f"chaos_{patient.name}",
      scans[patient],
      None,
      ("liver",),
      {},
      masks={"liver": (grounds[patient],)},
      reading=_READING,
    )
    for patient in sorted(scans, key=lambda one: int(one.name))
    if patient in grounds
  ]
  bare = [patient.name for patient in scans if patient not in grounds]
  alone = [patient.name for patient in grounds if patient not in scans]
  return Found(
    tuple(cases), (*left_out("scans without labels", bare), *left_out("labels without a scan", alone))
  )


def _is_mr(files: Files, folder: pathlib.Path) -> bool:
  return "MR" in folder.relative_to(files.folder).parts


LAYOUT = Layout(
  "chaos_ct",
  "20 scans, liver (20 more without labels)",
  "Train_Sets/CT/1/DICOM_anon/i0000,0000b.dcm and Train_Sets/CT/1/Ground/liver_GT_000.png",
  find,
  labelled=20,
  wrong=((r"(^|/)(T1DUAL|T2SPIR)/", "this is the MR part; the CTs lie in Train_Sets/CT"),),
)
