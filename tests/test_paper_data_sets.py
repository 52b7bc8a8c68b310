"""The paper's four data sets as they are downloaded, of phantoms: prepared by name, merged, trained on."""

import json

import numpy as np
import pytest

from data.guards.case_guards import parse_rules
from data.layouts.by_name import Choice, find_cases
from data.merge.merged import Source, merge_stores
from data.organs import BTCV_ORGANS
from data.stored.preparation import prepare_store
from tests.conftest import ROOT, run_command
from tests.data.layouts.raw_files import assert_phantom, labels, of, phantom, scan
from tests.data.layouts.test_nih_pancreas import write_case as write_nih


def write_btcv(folder, patients):
  for patient in patients:
    scan(folder / "img" / f"img{patient:04d}.nii.gz", patient, "LAS")
    labels(folder / "label" / f"label{patient:04d}.nii.gz", phantom(patient).label, patient, "LAS")


def write_decathlon(folder, organ, patients):
  for patient in patients:
    scan(folder / "imagesTr" / f"{organ}_{patient}.nii.gz", patient)
    labels(folder / "labelsTr" / f"{organ}_{patient}.nii.gz", of([organ], patient, {1: organ}), patient)


@pytest.mark.slow
def test_ten_steps_of_resnet50_panns(tmp_path):
  raw = tmp_path / "raw"
  write_btcv(raw / "BTCV" / "RawData" / "Training", (1, 2, 3))
  write_decathlon(raw / "Task09_Spleen", "spleen", (4, 5, 8))
  for patient in (6, 7):
    write_nih(raw / "NIH", patient, patient, np.s_[:, ::-1])
  write_decathlon(raw / "Task03_Liver", "liver", (9, 10))
  sources = []
  for name, folder, most in (
    ("btcv", "BTCV", 0),
    ("msd_spleen", "Task09_Spleen", 2),
    ("nih_pancreas", "NIH", 2),
    ("msd_liver", "Task03_Liver", 2),
  ):
    manifest = find_cases(name, raw / folder, Choice(max_cases=most))
    prepare_store(manifest, tmp_path / name, guards=parse_rules([], refuse=True))
    sources.append(Source(tmp_path / name))
  store = merge_stores(sources, tmp_path / "store")
  cases = {case.id: case for case in store.cases}
  assert len(cases) == 9 and sum(map(store.is_full, store.cases)) == 3
  assert_phantom(cases["btcv_0002"], BTCV_ORGANS, 2)
  assert_phantom(cases["nih_0007"], ["pancreas"], 7)
  assert_phantom(cases["liver_10"], ["liver"], 10)
  run_command(
    "deeplab_panns.train",
    f"--flagfile={ROOT / 'experiments' / 'resnet50_panns.flags'}",
    f"--data_dir={store.path}",
    f"--run_dir={tmp_path / 'run'}",
    "--crop_size=33",
    "--batch_size=4",
    "--scales=1",
    "--stage1_steps=6",
    "--stage2_steps=4",
    "--pseudo_label_interval=2",
    "--prior_examples=8",
    "--log_interval=5",
    "--threads=2",
    "--fold=0",
  )
  run = json.loads((tmp_path / "run" / "data.json").read_text())
  assert tuple(run["organs"]) == BTCV_ORGANS
