"""Medical Segmentation Decathlon: Task03_Liver, Task09_Spleen, Task07_Pancreas, tumours in their organ."""

from __future__ import annotations

import functools
import json
import pathlib

from data.cases import Case, Reading
from data.formats import strict_json
from data.input_error import InputError
from data.layouts.layout import NIFTI, Files, Found, Layout, by_number, left_out, paired

TUMOUR = 2
_MEANT = {"background", "tumour", "tumor", "cancer"}


def find(organ: str, files: Files) -> Found:
  """Pairs imagesTr with labelsTr by number; dataset.json must agree with both."""
  scans = files.matching(rf"{organ}_(\d+){NIFTI}")
  images = by_number(file for file in scans if "imagestr" in file.folders)
  labels = by_number(file for file in scans if "labelstr" in file.folders)
  pairs, notes = paired(images, labels)
  values = {1: organ} if organ == "spleen" else {1: organ, TUMOUR: organ}
  cases = [
    Case(f"{organ}_{number}", image, label, (organ,), values, reading=Reading(first_of_four_axes=True))
    for number, (image, label) in pairs.items()
  ]
  tests = [file.path.name for file in scans if file.is_in("imagests")]
  notes = (*notes, *left_out("scans of the test set, which have no labels", tests))
  if cases:
    notes = (*notes, *_listed_but_missing(organ, cases[0].image.parent.parent / "dataset.json", images))
  return Found(tuple(cases), notes)


def _listed_but_missing(organ: str, path: pathlib.Path, images: dict[int, pathlib.Path]) -> tuple[str, ...]:
  if not path.is_file():
    return (
      f"{path}: is missing; the values 1 (organ) and 2 (tumour) are taken from the data set's description",
    )
  try:
    content = strict_json.parse(path.read_text(encoding="utf-8-sig"))
    labels = {int(value): str(name).lower() for value, name in content["labels"].items()}
    names = [pathlib.PurePosixPath(entry["image"]).name for entry in content["training"]]
  except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
    raise InputError(f"{path}: is no description of a Decathlon task ({error}); fetch it again.") from error
  if labels.get(1) != organ or any(name not in _MEANT for value, name in labels.items() if value != 1):
    raise InputError(
      f'{path}: "labels" says {json.dumps(content["labels"])[:90]}; in this task 1 is the {organ}, 2 its '
      "tumour. "
      "Is it another task, or was it changed?"
    )
  there = {image.name for image in images.values()}
  return left_out("scans that dataset.json lists", [name for name in names if name not in there], "not there")


_ITS_LIVER = (
  "20 of the scans come from 3D-IRCADb-1 (28 to 47 of LiTS) and lost their spacing: their affine is the "
  "identity. The DICOM files of 3D-IRCADb-1 have it: give it by --spacings"
)

MSD_LIVER = Layout(
  "msd_liver",
  "131 scans, liver with its tumours (70 more without labels); the scans of lits",
  "Task03_Liver/imagesTr/liver_0.nii.gz and labelsTr/liver_0.nii.gz",
  functools.partial(find, "liver"),
  without_spacing=_ITS_LIVER,
  tumour=TUMOUR,
)
MSD_SPLEEN = Layout(
  "msd_spleen",
  "41 scans, spleen (20 more without labels)",
  "Task09_Spleen/imagesTr/spleen_2.nii.gz and labelsTr/spleen_2.nii.gz",
  functools.partial(find, "spleen"),
)
MSD_PANCREAS = Layout(
  "msd_pancreas",
  "281 scans, pancreas with its tumours (139 more without labels)",
  "Task07_Pancreas/imagesTr/pancreas_001.nii.gz and labelsTr/pancreas_001.nii.gz",
  functools.partial(find, "pancreas"),
  tumour=TUMOUR,
)
