"""Files in, label maps out, by a segmenter that needs no network."""

import json

import nibabel
import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.segmentation.prediction import find_inputs, predict_file, predict_files
from tests.conftest import write_nifti

IMAGE = np.random.default_rng(0).integers(-200, 300, (5, 6, 7)).astype(np.int16)


class Bright:
  """Class 1 above 50 HU."""

  def labels(self, volume, spacing_mm):
    self.spacing_mm = spacing_mm.numpy().tolist()
    return {"labels": tf.cast(volume > 50, tf.uint8)}


def labels_of(path):
  """[z, y, x] of a NIfTI file as it lies in the file."""
  return np.asarray(nibabel.load(path).dataobj).transpose(2, 1, 0)


def test_a_label_map_lies_on_its_inputs_own_grid(tmp_path):
  segmenter = Bright()
  write_nifti(tmp_path / "scan.nii.gz", IMAGE, (5.0, 2.0, 1.5))
  (tmp_path / "out").mkdir()
  predict_file(segmenter, tmp_path / "scan.nii.gz", tmp_path / "out")
  found = nibabel.load(tmp_path / "out" / "scan.nii.gz")
  assert found.get_data_dtype() == np.uint8 and segmenter.spacing_mm == [5.0, 2.0, 1.5]
  np.testing.assert_array_equal(labels_of(tmp_path / "out" / "scan.nii.gz"), IMAGE > 50)
  np.testing.assert_allclose(found.affine, nibabel.load(tmp_path / "scan.nii.gz").affine)


def test_the_segmenter_sees_lps_order_and_the_file_keeps_its_own(tmp_path):
  """A file whose x grows to the right and whose axes are stored as (y, z, x)."""
  affine = np.array([[0, 0, 1.5, 0], [-2.0, 0, 0, 0], [0, 5.0, 0, 0], [0, 0, 0, 1]])
  stored = IMAGE.transpose(1, 0, 2)
  nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "turned.nii")
  segmenter = Bright()
  (tmp_path / "out").mkdir()
  predict_file(segmenter, tmp_path / "turned.nii", tmp_path / "out")
  found = nibabel.load(tmp_path / "out" / "turned.nii.gz")
  assert segmenter.spacing_mm == [5.0, 2.0, 1.5]
  np.testing.assert_array_equal(np.asarray(found.dataobj), stored > 50)
  np.testing.assert_allclose(found.affine, affine)


def test_one_broken_input_does_not_keep_the_others_from_being_segmented(tmp_path):
  inputs, output_dir = tmp_path / "inputs", tmp_path / "new" / "out"
  for name in ("a", "f"):
    write_nifti(inputs / f"{name}.nii.gz", IMAGE)
  for name in ("b", "c", "d", "e", "g"):
    (inputs / f"{name}.nii.gz").write_bytes(b"no image")
  with pytest.raises(InputError) as caught:
    predict_files(Bright(), ("liver", "spleen"), find_inputs(inputs), output_dir)
  said = str(caught.value)
  assert said.startswith(f"5 of 7 inputs failed: {inputs / 'b.nii.gz'}: ")
  assert said.endswith(" Also: c.nii.gz, d.nii.gz, e.nii.gz and 1 more.")
  assert sorted(path.name for path in output_dir.iterdir()) == ["a.nii.gz", "f.nii.gz", "organs.json"]
  assert json.loads((output_dir / "organs.json").read_text()) == ["liver", "spleen"]


def test_what_is_found_in_a_folder(tmp_path):
  with pytest.raises(InputError, match="no such file"):
    find_inputs(tmp_path / "gone")
  with pytest.raises(InputError, match="neither image files"):
    find_inputs(tmp_path)
  for name in ("b.hdr", "b.img", "a.nii.gz", ".hidden.nii.gz", "notes.txt"):
    (tmp_path / name).write_bytes(b"")
  (tmp_path / "empty").mkdir()
  assert [path.name for path in find_inputs(tmp_path)] == ["a.nii.gz", "b.hdr"]
  assert find_inputs(str(tmp_path / "a.nii.gz")) == [tmp_path / "a.nii.gz"]


def test_two_inputs_of_one_id_are_refused(tmp_path):
  for name in ("a.nii.gz", "a.nrrd", "b.nrrd"):
    (tmp_path / name).write_bytes(b"")
  with pytest.raises(InputError, match="have the same id, a, and an output is named by its id"):
    find_inputs(tmp_path)


def test_a_folder_of_dicom_slices_is_one_input(tmp_path):
  (tmp_path / "series").mkdir()
  (tmp_path / "series" / "0001").write_bytes(bytes(128) + b"DICM")
  assert find_inputs(tmp_path / "series") == [tmp_path / "series"]
  assert find_inputs(tmp_path) == [tmp_path / "series"]
