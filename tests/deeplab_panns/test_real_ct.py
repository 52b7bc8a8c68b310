"""Four real CT cases: reading, orientation, store, training, and prediction on the scans' own grids."""

import json

import nibabel
import numpy as np
import pytest

from data.stored.store import read_store
from tests.conftest import ROOT, make_store, run_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def real_store(real_ct, tmp_path_factory):
  return make_store(real_ct / "dataset.json", tmp_path_factory.mktemp("real"), (3.0, 3.0, 3.0))


def test_every_case_lies_in_canonical_orientation(real_store):
  store = read_store(real_store)
  assert {case.id for case in store.cases} == {"ts_ct", "ts_dicom", "ts_aorta_crop", "dcmqi_liver"}
  value = {organ: 1 + index for index, organ in enumerate(store.organs)}
  for case in store.cases[:2]:
    label = np.asarray(case.label())
    middle = {
      organ: np.argwhere(label == value[organ]).mean(axis=0)
      for organ in ("liver", "spleen", "aorta", "stomach")
    }
    assert middle["liver"][2] < middle["spleen"][2]  # x grows from the patient's right to the left
    assert middle["stomach"][1] < middle["aorta"][1]  # y grows from front to back
  full = np.asarray(store.cases[0].label())
  # z grows to the head: this scan reaches down to the thighs, so the liver lies in its upper half
  assert np.argwhere(full == value["liver"])[:, 0].mean() > full.shape[0] / 2


def test_resampling_keeps_the_organs_volumes(real_store, real_ct):
  store = read_store(real_store)
  entries = {entry["id"]: entry for entry in json.loads((real_ct / "dataset.json").read_text())["cases"]}
  for case in store.cases[1:3]:  # 0.98 x 0.98 x 2 mm and 1.5 mm
    source = nibabel.load(real_ct / entries[case.id]["label"])
    voxel_ml = abs(np.linalg.det(source.affine[:3, :3])) / 1000
    for value, organ in entries[case.id]["labels"].items():
      before_ml = np.count_nonzero(np.asarray(source.dataobj) == int(value)) * voxel_ml
      if organ in case.annotated and before_ml > 20:
        assert case.voxels[organ] * 0.027 == pytest.approx(before_ml, rel=0.08)


def test_training_and_prediction_on_the_scans_own_grids(real_store, real_ct, tmp_path):
  """A few steps with the shipped flagfile, then labels for the DICOM series and for a NIfTI scan."""
  run_command(
    "deeplab_panns.train",
    f"--flagfile={ROOT / 'experiments' / 'real_ct.flags'}",
    f"--data_dir={real_store}",
    f"--run_dir={tmp_path / 'run'}",
    "--stage1_steps=2",
    "--stage2_steps=2",
    "--prior_examples=8",
    "--batch_size=4",
    "--crop_size=65",
  )
  for source, label in (
    ("ts_dicom", "ts_dicom_label.nii.gz"),
    ("ts_aorta_crop.nii.gz", "ts_aorta_crop_label.nii.gz"),
  ):
    run_command(
      "deeplab_panns.predict",
      f"--run_dir={tmp_path / 'run'}",
      f"--input={real_ct / source}",
      f"--output_dir={tmp_path / 'out'}",
    )
    ours, theirs = (
      nibabel.load(tmp_path / "out" / f"{source.split('.')[0]}.nii.gz"),
      nibabel.load(real_ct / label),
    )
    assert ours.shape == theirs.shape and ours.get_data_dtype() == np.uint8
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)
