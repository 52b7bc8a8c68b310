"""BTCV, Beyond the Cranial Vault (Synapse syn3193805, Abdomen/RawData.zip). Its values are ours."""

from __future__ import annotations

import pathlib
import re

from data.cases import Case
from data.layouts.layout import NIFTI, Files, Found, FoundFile, Layout, by_number, paired
from data.organs import BTCV_ORGANS

IMAGE, LABEL = rf"img(\d{{4}}){NIFTI}", rf"label(\d{{4}}){NIFTI}"
VALUES = dict(enumerate(BTCV_ORGANS, 1))


def find(files: Files) -> Found:
  """Pairs img0001 with label0001. The scans 61 to 80 of the challenge's test set have no labels there."""
  labels = [file for file in files.matching(LABEL) if not _is_of_another_set(file)]
  pairs, notes = paired(scans(files), by_number(labels))
  cases = [
    Case(f"btcv_{number:04d}", image, label, BTCV_ORGANS, VALUES) for number, (image, label) in pairs.items()
  ]
  return Found(tuple(cases), notes)


def scans(files: Files) -> dict[int, pathlib.Path]:
  """{number: scan} of training and test set."""
  return by_number(file for file in files.matching(IMAGE) if not file.is_in("cervix", "regdata"))


def _is_of_another_set(file: FoundFile) -> bool:
  """Gibson's labels and those of NIH have the same names."""
  words = {word for folder in file.folders for word in re.split(r"[^a-z]+", folder)}
  return bool(words & {"multiorgan", "tcia", "nih", "cervix", "regdata"})


LAYOUT = Layout(
  "btcv",
  "30 scans, all 13 organs (20 more without labels)",
  "RawData/Training/img/img0001.nii.gz and label/label0001.nii.gz",
  find,
  labelled=30,
  wrong=(
    (r"DET\d+_avg|averaged-training", "these are averaged scans of another challenge"),
    (r"(^|/)RegData/", "this is RegData, scans registered to each other"),
    (r"(^|/)Cervix/", "this is the cervix part"),
    (r"case\d{4}[^/]*\.(npz|h5)$", "these are TransUNet's slices, whose 8 organs have other numbers"),
  ),
)
