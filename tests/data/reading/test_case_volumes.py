"""A case's scan and labels, from whichever kind of file the manifest names."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from data.cases import Case, Reading
from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError
from data.organs import IGNORE
from data.reading.case_volumes import image_files, read_case_image, read_case_label
from tests.conftest import make_case, write_nifti
from tests.data.dicom.dicom_files import RAMP, write_series, write_slice
from tests.data.dicom.label_files import write_rtstruct, write_scan

ORGANS = ("liver", "spleen")
IMAGE, LABEL = make_case(np.random.default_rng(0))
LABEL = np.where(LABEL == 3, 0, LABEL).astype(np.uint8)


def case_of(folder, image="image.nii.gz", **fields):
  if not (folder / image).exists():
    write_nifti(folder / image, IMAGE)
  entry = {"id": "a", "image": image, "annotated": "all", "labels": {"1": "liver", "2": "spleen"}, **fields}
  path = folder / "dataset.json"
  path.write_text(json.dumps({"organs": ORGANS, "cases": [entry]}))
  return read_manifest(path).cases[0]


def read(case):
  return read_case_label(case, read_case_image(case), ORGANS)


def test_values_to_ignore(tmp_path):
  write_nifti(tmp_path / "label.nii.gz", LABEL)
  case = case_of(tmp_path, label="label.nii.gz", labels={"1": "liver", "2": "ignore"}, annotated=["liver"])
  np.testing.assert_array_equal(read(case).array, np.where(LABEL == 2, IGNORE, LABEL))


def test_a_mask_for_each_organ(tmp_path):
  write_nifti(tmp_path / "liver.nii.gz", (LABEL == 1).astype(np.uint8) * 255)
  halves = np.arange(LABEL.shape[2]) % 2 == 0
  for name, half in (("s1", halves), ("s2", ~halves)):
    write_nifti(tmp_path / f"{name}.nii.gz", ((LABEL == 2) & half).astype(np.uint8))
  masks = {"liver": "liver.nii.gz", "spleen": ["s1.nii.gz", "s2.nii.gz"]}
  np.testing.assert_array_equal(read(case_of(tmp_path, label=masks)).array, LABEL)
  only = read(case_of(tmp_path, label=masks, annotated=["spleen"])).array
  np.testing.assert_array_equal(only, np.where(LABEL == 2, 2, 0))


def test_a_label_map_is_no_mask(tmp_path):
  write_nifti(tmp_path / "label.nii.gz", LABEL)
  case = case_of(tmp_path, label={"liver": "label.nii.gz"}, annotated=["liver"])
  with pytest.raises(InputError, match="holds the values 1, 2; a mask has one"):
    read(case)


def test_png_slices_of_a_dicom_series(tmp_path):
  write_scan(tmp_path / "ct", RAMP)  # named against their order
  (tmp_path / "png").mkdir()
  values = RAMP % 3
  for z, array in enumerate(values.astype(np.uint8)):
    Image.fromarray(array).save(tmp_path / "png" / f"{90 - z}.png")
  np.testing.assert_array_equal(read(case_of(tmp_path, "ct", label="png")).array, values)
  write_nifti(tmp_path / "other.nii.gz", RAMP)
  with pytest.raises(InputError, match="must be the DICOM folder"):
    read(case_of(tmp_path, "other.nii.gz", label="png"))


def test_names_of_segments(tmp_path):
  write_scan(tmp_path / "ct", RAMP)
  corners = [(-0.5, -0.5), (2.5, -0.5), (2.5, 1.5), (-0.5, 1.5)]
  polygon = [[-20 + 0.5 * x, -30 + 0.75 * y, 12] for x, y in corners]
  write_rtstruct(tmp_path / "rt.dcm", {"Leber": [polygon], "Milz": []})
  case = case_of(tmp_path, "ct", label="rt.dcm", labels={"Leber": "liver", "Milz": "spleen"})
  expected = np.zeros(RAMP.shape, np.uint8)
  expected[1, :2, :3] = 1
  np.testing.assert_array_equal(read(case).array, expected)
  write_nifti(tmp_path / "label.nii.gz", RAMP)
  with pytest.raises(InputError, match="names no segments"):
    read(case_of(tmp_path, "ct", label="label.nii.gz", labels={"Leber": "liver", "Milz": "spleen"}))


def test_a_label_map_that_names_its_values_otherwise_is_refused(tmp_path):
  write_nifti(tmp_path / "label.nii.gz", LABEL)
  (tmp_path / "organs.json").write_text('["Spleen", "Liver"]')
  case = case_of(tmp_path, label="label.nii.gz", labels={"1": "liver", "2": "spleen"})
  with pytest.raises(
    InputError, match=r'its value 1 is "Spleen" by its header or organs.json beside it, and'
  ):
    read(case)
  (tmp_path / "organs.json").write_text('["Leber", "Milz"]')  # other words say nothing
  np.testing.assert_array_equal(read(case).array, LABEL)


def with_reading(case, **fields):
  return dataclasses.replace(case, reading=Reading(**fields))


def test_mirrored_scan_and_label(tmp_path):
  write_nifti(tmp_path / "label.nii.gz", LABEL)
  plain = case_of(tmp_path, label="label.nii.gz")
  case = with_reading(plain, mirrored="xz")
  image, before = read_case_image(case), read_case_image(plain)
  np.testing.assert_array_equal(image.array, before.array[::-1, :, ::-1])
  np.testing.assert_array_equal(image.affine, before.affine)
  np.testing.assert_array_equal(read(case).array, LABEL[::-1, :, ::-1])
  assert "mirrored along xz" in image.notes[0]


def test_a_label_map_that_the_scan_places(tmp_path):
  upper = LABEL * (np.arange(len(LABEL)) > 2)[:, None, None].astype(np.uint8)
  image = np.where(upper, IMAGE, np.random.default_rng(1).choice([-900, -100, 300], IMAGE.shape))
  write_nifti(tmp_path / "image.nii.gz", image.astype(np.int16), (9.0, 8.0, 8.0))
  write_nifti(tmp_path / "label.nii.gz", upper[:, ::-1], (9.0, 8.0, 8.0))
  found = read(with_reading(case_of(tmp_path, label="label.nii.gz"), placed_by=ORGANS))
  np.testing.assert_array_equal(found.array, upper)
  assert found.record["label_placed"]["mirrored"] == "y"
  write_nifti(tmp_path / "label.nii.gz", LABEL[1:])
  with pytest.raises(InputError, match="Do they belong together"):
    read(with_reading(case_of(tmp_path, label="label.nii.gz"), placed_by=ORGANS))


def test_values_that_are_not_named(tmp_path):
  write_nifti(tmp_path / "label.nii.gz", LABEL)
  with pytest.raises(InputError, match=r"label values \{2: \d+\}"):
    read(case_of(tmp_path, label="label.nii.gz", labels={"1": "liver"}, annotated=["liver"]))


def test_an_unlabelled_case(tmp_path):
  assert not read(case_of(tmp_path, label=None, annotated=[])).array.any()


def test_one_series_of_a_folder_is_the_scan_and_its_files_are_what_it_is_read_from(tmp_path):
  folder = write_series(tmp_path / "ct", SeriesNumber=1)
  for z in (0, 1):
    write_slice(folder / f"b{z}.dcm", RAMP[z], (0, 0, z), SeriesInstanceUID="9.8", SeriesNumber=2)
  case = Case("a", folder, None, (), {}, reading=Reading(series="2"))
  assert read_case_image(case).array.shape == RAMP[:2].shape
  assert [path.name for path in image_files(case)] == ["b0.dcm", "b1.dcm"]
  assert image_files(dataclasses.replace(case, reading=Reading())) == (folder,)
  with pytest.raises(InputError, match='holds no series "3"'):
    image_files(dataclasses.replace(case, reading=Reading(series="3")))
