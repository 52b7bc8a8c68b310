"""Decathlon: gaps in the numbers, macOS files, tumours in their organ, dataset.json against the files."""

import json

import numpy as np
import pytest

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases, tumour_value
from data.stored.preparation import prepare_store
from tests.data.layouts.raw_files import assert_phantom, labels, nifti, of, phantom, prepare, scan


def write_task(folder, organ, numbers, names=None):
  for index, number in enumerate(numbers):
    label = of([organ], index, {1: organ})
    if index == 1:
      label[(label == 1) & (np.arange(label.shape[2]) % 2 == 0)] = 2 if organ != "spleen" else 1
    scan(folder / "imagesTr" / f"{organ}_{number}.nii.gz", index)
    labels(folder / "labelsTr" / f"{organ}_{number}.nii.gz", label, index)
    (folder / "imagesTr" / f"._{organ}_{number}.nii.gz").write_bytes(b"of macOS")
  content = {
    "labels": names or {"0": "background", "1": organ, "2": "cancer"},
    "training": [{"image": f"./imagesTr/{organ}_{number}.nii.gz"} for number in (*numbers, 99)],
  }
  (folder / "dataset.json").write_text(json.dumps(content))


@pytest.mark.parametrize("organ", ["liver", "spleen", "pancreas"])
def test_tumours_belong_to_their_organ(tmp_path, organ):
  write_task(tmp_path / "Task", organ, (2, 10, 421))
  cases, manifest = prepare(f"msd_{organ}", tmp_path, tmp_path)
  assert list(cases) == [f"{organ}_2", f"{organ}_10", f"{organ}_421"]
  for index, case in enumerate(cases.values()):
    assert_phantom(case, [organ], index)
  (index,) = tmp_path.glob("store/index.json")
  tumours = [entry.get("values_ml", {}).get("2") for entry in json.loads(index.read_text())["cases"]]
  volume_ml = np.prod(np.diag(phantom().affine)[:3]) / 1000
  half = np.count_nonzero(of([organ], 1)[:, :, ::2]) * volume_ml
  assert tumours == ([None] * 3 if organ == "spleen" else [0, pytest.approx(half, abs=0.05), 0])
  assert any(f"{organ}_99.nii.gz): not there" in note for note in manifest.notes)


def test_cases_of_large_tumours_can_be_left_out(tmp_path):
  write_task(tmp_path / "Task", "pancreas", (1, 2))
  manifest = find_cases("msd_pancreas", tmp_path, Choice())
  for most_ml, kept in ((0.0, ["pancreas_1"]), (1000.0, ["pancreas_1", "pancreas_2"])):
    store = prepare_store(manifest, tmp_path / "store", most_ml=(tumour_value("msd_pancreas"), most_ml))
    assert [case.id for case in store.cases] == kept
  with pytest.raises(InputError, match="more than -1 mL in every case"):
    prepare_store(manifest, tmp_path / "store", most_ml=(tumour_value("msd_pancreas"), -1.0))
  assert tumour_value("lits") == 2
  with pytest.raises(InputError, match="msd_spleen labels no tumours; msd_liver, msd_pancreas, lits do"):
    tumour_value("msd_spleen")


def test_of_four_axes_the_first_volume_is_the_scan(tmp_path):
  write_task(tmp_path, "spleen", (2,))
  case = phantom()
  path = tmp_path / "imagesTr" / "spleen_2.nii.gz"
  nifti(path, np.stack([case.image_hu, case.image_hu * 0 - 7]), case.affine)
  assert_phantom(prepare("msd_spleen", tmp_path, tmp_path)[0]["spleen_2"], ["spleen"])


def test_other_labels_than_those_of_the_task_are_refused(tmp_path):
  write_task(tmp_path, "liver", (2,), {"0": "background", "1": "cancer", "2": "liver"})
  with pytest.raises(InputError, match="in this task 1 is the liver"):
    find_cases("msd_liver", tmp_path, Choice())


def test_predictions_beside_the_labels_are_no_labels(tmp_path):
  for folder in ("imagesTr", "labelsTr_pred"):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "spleen_63.nii.gz").touch()
  with pytest.raises(InputError, match="scans without labels"):
    find_cases("msd_spleen", tmp_path, Choice())
