"""TotalSegmentator (Zenodo 10047292, version 2): one mask an organ, empty where it is out of sight."""

from __future__ import annotations

import csv
import pathlib

from data.cases import Case
from data.input_error import InputError
from data.layouts.layout import HELD_OUT, NIFTI, TRAINING, Files, Found, Layout, left_out
from data.listed import listed
from data.organs import BTCV_ORGANS

# The first mask must be there; cysts have files of their own from version 2 on and belong to their kidney.
MASKS = {
  "spleen": ("spleen",),
  "right kidney": ("kidney_right", "kidney_cyst_right"),
  "left kidney": ("kidney_left", "kidney_cyst_left"),
  "gallbladder": ("gallbladder",),
  "esophagus": ("esophagus",),
  "liver": ("liver",),
  "stomach": ("stomach",),
  "aorta": ("aorta",),
  "inferior vena cava": ("inferior_vena_cava",),
  "portal and splenic vein": ("portal_vein_and_splenic_vein",),
  "pancreas": ("pancreas",),
  "right adrenal gland": ("adrenal_gland_right",),
  "left adrenal gland": ("adrenal_gland_left",),
}
_SPLITS = {"train": TRAINING, "val": HELD_OUT, "test": HELD_OUT}


def find(files: Files) -> Found:
  """Takes each s0000/ct.nii.gz with the masks in s0000/segmentations; meta.csv says which are held out."""
  cases, bare, partial = [], [], []
  folds = _folds(files)
  named = {name for names in MASKS.values() for name in names}
  masks: dict[pathlib.Path, dict[str, pathlib.Path]] = {}
  for file in files.matching(rf"(\w+?){NIFTI}"):
    if file.match[1] in named and file.folders[-1:] == ("segmentations",):
      masks.setdefault(file.path.parent.parent, {})[file.match[1]] = file.path
  for scan in sorted(files.matching("ct" + NIFTI), key=lambda file: file.path):
    folder = scan.path.parent
    found = masks.get(folder, {})
    annotated = tuple(organ for organ in BTCV_ORGANS if MASKS[organ][0] in found)
    if not annotated:
      bare.append(folder.name)
      continue
    if annotated != BTCV_ORGANS:
      partial.append(folder.name)
    paths = {organ: tuple(found[name] for name in MASKS[organ] if name in found) for organ in annotated}
    cases.append(Case(folder.name, scan.path, None, annotated, {}, folds.get(folder.name), masks=paths))
  unlisted = [case.id for case in cases if case.id not in folds]
  if folds and unlisted:
    raise InputError(
      f"{files.folder}: meta.csv lists no split for {len(unlisted)} of the scans ({listed(unlisted)}); fetch "
      "the meta.csv of the same version."
    )
  notes = left_out("scans without masks", bare)
  if partial:
    notes += (f"{len(partial)} scan(s) lack masks of some organs, unknown there ({listed(partial)})",)
  if cases and not folds:
    notes += ("there is no meta.csv with the column split, so no scans are held out",)
  return Found(tuple(cases), notes)


def _folds(files: Files) -> dict[str, int]:
  """{scan: fold} by meta.csv; {} without one."""
  found = files.matching(r"meta\.csv")
  if not found:
    return {}
  path = found[0].path
  if len(found) > 1:
    raise InputError(
      f"{files.folder}: holds {len(found)} files meta.csv ({listed(str(one.path.parent) for one in found)}), "
      "which may hold out other scans; name the folder of one version by --raw_dir."
    )
  try:
    lines = path.read_text(encoding="utf-8-sig").splitlines() or [""]
    rows = list(csv.DictReader(lines, delimiter=";" if ";" in lines[0] else ","))
  except (OSError, UnicodeError, csv.Error) as error:
    raise InputError(f"{path}: cannot be read ({error}); fetch it again.") from error
  if not rows or not {"image_id", "split"} <= set(rows[0]):
    raise InputError(f"{path}: has no columns image_id and split; fetch the meta.csv of version 2.")
  odd = sorted({row["split"] for row in rows} - set(_SPLITS))
  if odd:
    raise InputError(f"{path}: has the split {listed(odd)}; {listed(_SPLITS)} are known. Fetch it again.")
  return {row["image_id"]: _SPLITS[row["split"]] for row in rows}


LAYOUT = Layout(
  "totalsegmentator",
  "1228 scans, all 13 organs (146 held out); drawn by a network and corrected",
  "s0000/ct.nii.gz and s0000/segmentations/spleen.nii.gz",
  find,
  labelled=1228,
)
