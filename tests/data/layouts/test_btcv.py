"""BTCV: prefixes that differ, LAS axes, a test set without labels, and downloads that are something else."""

import numpy as np
import pytest

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases
from data.organs import BTCV_ORGANS
from tests.data.layouts.raw_files import assert_phantom, labels, phantom, prepare, scan


def touch(folder, *names):
  for name in names:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_two_cases_with_all_organs(tmp_path):
  training = tmp_path / "RawData" / "Training"
  for index, number in enumerate((1, 21)):
    scan(training / "img" / f"img{number:04d}.nii.gz", index, "LAS")
    labels(training / "label" / f"label{number:04d}.nii.gz", phantom(index).label, index, "LAS", np.float32)
  scan(tmp_path / "RawData" / "Testing" / "img" / "img0061.nii.gz")
  (training / "img" / "._img0001.nii.gz").write_bytes(b"of macOS")
  cases, manifest = prepare("btcv", tmp_path, tmp_path)
  assert list(cases) == ["btcv_0001", "btcv_0021"]
  assert_phantom(cases["btcv_0001"], BTCV_ORGANS)
  assert_phantom(cases["btcv_0021"], BTCV_ORGANS, 1)
  assert manifest.notes == (
    "left out: 1 scans without labels (img0061.nii.gz)",
    "2 of the data set's 30 labelled scans are here",
  )


def test_archives_that_are_still_packed_are_told_where_scans_are_missing(tmp_path):
  touch(tmp_path, "img/img0001.nii.gz", "label/label0001.nii.gz", "RawData2.zip")
  notes = find_cases("btcv", tmp_path, Choice()).notes
  assert notes == ("1 of the data set's 30 labelled scans are here; still packed: RawData2.zip",)


def test_a_folder_whose_name_has_that_of_another_data_set_in_it(tmp_path):
  touch(tmp_path, "UniHeidelberg/img/img0001.nii.gz", "UniHeidelberg/label/label0001.nii.gz")
  assert [case.id for case in find_cases("btcv", tmp_path, Choice()).cases] == ["btcv_0001"]


@pytest.mark.parametrize(
  "name, says",
  [
    ("averaged-training-images/DET0000101_avg.nii.gz", "averaged"),
    ("RegData/Training/img/img0001-0002.nii.gz", "RegData"),
    ("Cervix/RawData/Training/img/1-Image.nii.gz", "cervix"),
    ("train_npz/case0005_slice000.npz", "TransUNet"),
    ("imagesTr/spleen_2.nii.gz", "holds imagesTr/spleen_2"),
    ("Abdomen/RawData.zip", "unpack"),
  ],
)
def test_other_downloads_are_known_by_name(tmp_path, name, says):
  (tmp_path / name).parent.mkdir(parents=True)
  (tmp_path / name).touch()
  with pytest.raises(InputError, match=says):
    find_cases("btcv", tmp_path, Choice())


def test_labels_of_others_that_have_the_same_names_are_not_taken(tmp_path):
  for name in (
    "img/img0001.nii.gz",
    "label/label0001.nii.gz",
    "label_btcv_multiorgan/label0001.nii.gz",
    "TCIA_pancreas_labels-02-05-2017/label0001.nii.gz",
  ):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).touch()
  (case,) = find_cases("btcv", tmp_path, Choice()).cases
  assert case.label == tmp_path / "label" / "label0001.nii.gz"
