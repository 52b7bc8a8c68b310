"""Names that label maps carry, or have beside them."""

import json

import nibabel
import numpy as np
import pytest

from data.reading.value_names import names_of, value_names
from deeplab_panns.outputs.nifti_outputs import COMMENT, label_table
from deeplab_panns.outputs.organ_looks import organ_looks
from tests.conftest import write_nifti

LABELS = np.ones((3, 4, 5), np.uint8)


def with_table(path, table):
  image = nibabel.Nifti1Image(LABELS, np.eye(4))
  image.header.extensions.append(nibabel.nifti1.Nifti1Extension(COMMENT, table))
  nibabel.save(image, path)
  return path


def test_the_table_that_predict_and_totalsegmentator_write(tmp_path):
  table = label_table(organ_looks(["liver", "a & b"]))
  assert value_names(with_table(tmp_path / "a.nii.gz", table)) == {1: "liver", 2: "a & b"}
  plain = b'<LabelTable><Label Key="7" Red="1">kidney_left &amp; more</Label></LabelTable>'
  assert value_names(with_table(tmp_path / "b.nii", plain)) == {7: "kidney_left & more"}


def test_the_list_beside_a_label_map_without_names(tmp_path):
  path = tmp_path / "a.nii.gz"
  write_nifti(path, LABELS)
  assert value_names(path) == {}
  (tmp_path / "organs.json").write_text(json.dumps(["liver", "spleen"]))
  assert value_names(path) == {1: "liver", 2: "spleen"}


def test_the_names_of_segments(tmp_path):
  slicerio = pytest.importorskip("slicerio")
  segments = [{"id": "a", "name": "Spleen", "labelValue": 4}, {"id": "b", "name": "Liver", "labelValue": 1}]
  slicerio.write_segmentation(
    str(tmp_path / "a.seg.nrrd"), {"voxels": LABELS, "ijkToLPS": np.eye(4), "segments": segments}
  )
  assert value_names(tmp_path / "a.seg.nrrd") == {4: "Spleen", 1: "Liver"}


@pytest.mark.parametrize("content", ["{", '{"1": "liver"}', "[1, 2]"])
def test_another_file_of_that_name_says_nothing(tmp_path, content):
  (tmp_path / "organs.json").write_text(content)
  write_nifti(tmp_path / "a.nii.gz", LABELS)
  assert value_names(tmp_path / "a.nii.gz") == {}


def test_a_table_says_nothing_of_a_mask_that_was_cut_out_of_its_label_map(tmp_path, monkeypatch):
  path = tmp_path / "mask.nii.gz"
  write_nifti(path, np.zeros((2, 3, 4), np.uint8))
  (tmp_path / "organs.json").write_text('["spleen", "liver"]')
  assert names_of(path, {1}) == {} and names_of(path, {1, 2}) == {1: "spleen", 2: "liver"}
  (tmp_path / "organs.json").write_text('["spleen"]')
  assert names_of(path, {1}) == {1: "spleen"}
  monkeypatch.setattr("data.reading.value_names.value_names", lambda path: {0: "background", 1: "spleen"})
  assert names_of(path, {1})[1] == "spleen"  # a row of the background is no organ
