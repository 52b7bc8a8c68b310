"""Gibson's labels: 13 or 8 organs by the case, headers of the scan's mirror, a scan that was withdrawn."""

import pytest

from data.input_error import InputError
from data.layouts.by_name import Choice, find_cases
from data.organs import BTCV_ORGANS
from tests.data.layouts.raw_files import assert_phantom, dicom, labels, of, phantom, prepare, scan

# Those of Zenodo's record beside the duodenum.
ORGANS = ("spleen", "left kidney", "gallbladder", "esophagus", "liver", "stomach", "pancreas")


def with_duodenum(label):
  """14 in the lowest slice, where nothing else is."""
  out = label.copy()
  out[0][label[0] == 0] = 14
  return out


def test_full_and_eight_organ_cases(tmp_path):
  scan(tmp_path / "RawData" / "Training" / "img" / "img0001.nii.gz")
  labels(tmp_path / "RawData" / "Training" / "label" / "label0001.nii.gz", phantom().label)
  labels(tmp_path / "label_btcv_multiorgan" / "label0001.nii.gz", with_duodenum(phantom().label))
  scan(tmp_path / "RawData" / "Testing" / "img" / "img0061.nii.gz", 1)
  labels(tmp_path / "label_btcv_multiorgan" / "label0061.nii.gz", of(ORGANS, 1), 1)
  dicom(tmp_path / "Pancreas-CT" / "PANCREAS_0002" / "a" / "b", lambda k: f"{k}.dcm", 2)
  # The same voxels under the header of another reader: a mirrored one.
  labels(tmp_path / "label_tcia_multiorgan" / "label0002.nii.gz", of(ORGANS, 2)[:, ::-1], 2)
  labels(tmp_path / "label_tcia_multiorgan" / "label0025.nii.gz", of(ORGANS, 2), 2)
  cases, manifest = prepare("btcv_tcia_gibson", tmp_path, tmp_path)
  assert set(cases) == {"btcv_0001", "btcv_0061", "tcia_0002"}
  assert_phantom(cases["btcv_0001"], BTCV_ORGANS)
  assert_phantom(cases["btcv_0061"], ORGANS, 1)
  assert_phantom(cases["tcia_0002"], ORGANS, 2)
  assert any("(label0025)" in note and "withdrawn" in note for note in manifest.notes)


def test_the_nine_label_variant_is_refused(tmp_path):
  variant = {1: "spleen", 2: "right kidney", 3: "left kidney", 8: "pancreas", 9: "stomach"}
  scan(tmp_path / "img" / "img0001.nii.gz")
  labels(tmp_path / "label_btcv_multiorgan" / "label0001.nii.gz", of(BTCV_ORGANS, 0, variant))
  with pytest.raises(InputError, match="9-label variant"):
    find_cases("btcv_tcia_gibson", tmp_path, Choice())


def test_a_folder_above_may_be_called_after_both_data_sets(tmp_path):
  raw = tmp_path / "btcv_tcia_multiorgan"
  for folder in ("label_btcv_multiorgan", "label_tcia_multiorgan"):
    labels(raw / folder / "label0002.nii.gz", of(ORGANS, 2), 2)
  scan(raw / "img" / "img0002.nii.gz", 2)
  dicom(raw / "Pancreas-CT" / "PANCREAS_0002" / "a", lambda k: f"{k}.dcm", 2)
  cases = {
    case.id: case.label.parent.name for case in find_cases("btcv_tcia_gibson", tmp_path, Choice()).cases
  }
  assert cases == {"btcv_0002": "label_btcv_multiorgan", "tcia_0002": "label_tcia_multiorgan"}
