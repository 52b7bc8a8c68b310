"""Every field of a case is checked when it is read."""

import pytest

from data.cases import Reading
from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError


def test_reads_a_case(write, tmp_path):
  case = read_manifest(write(case={"fold": 2})).cases[0]
  assert (case.id, case.annotated, case.values, case.fold) == (
    "a",
    ("liver", "spleen"),
    {1: "liver", 7: "spleen"},
    2,
  )
  assert case.image == tmp_path / "ct.nii.gz"


def test_an_unlabelled_case_needs_no_label(write):
  case = read_manifest(write(case={"annotated": [], "label": None})).cases[0]
  assert case.label is None and case.annotated == ()


@pytest.mark.parametrize(
  "case, says",
  [
    ({"id": "../up"}, "id"),
    ({"id": ".."}, "id"),
    ({"id": 3}, "id"),
    ({"id": "a b"}, "id"),
    ({"image": "gone.nii.gz"}, "gone.nii.gz"),
    ({"image": None}, "image"),
    ({"image": 3}, "image"),
    ({"label": "gone.nii.gz"}, "gone.nii.gz"),
    ({"label": None}, "no label map"),
    ({"annotated": ["kidney"]}, "kidney"),
    ({"annotated": "liver"}, "annotated"),
    ({"annotated": None}, "annotated"),
    ({"labels": {"1": "lung"}}, "lung"),
    ({"labels": {"0": "liver"}}, "0"),
    ({"labels": {"-1": "liver"}}, "-1"),
    ({"labels": {"1": "ignored"}}, "ignore"),
    ({"label": {}}, "mask"),
    ({"label": {"lung": "label.nii.gz"}}, "lung"),
    ({"label": {"liver": "gone.nii.gz"}}, "gone.nii.gz"),
    ({"label": {"liver": None}}, "names no file"),
    ({"labels": ["liver"]}, "labels"),
    ({"labels": {"1": "liver"}}, "spleen"),
    ({"fold": -1}, "fold"),
    ({"fold": "1"}, "fold"),
    ({"fold": True}, "fold"),
  ],
)
def test_a_wrong_case_is_named(write, case, says):
  with pytest.raises(InputError) as error:
    read_manifest(write(case=case))
  assert says in str(error.value) and "dataset.json" in str(error.value) and "\n" not in str(error.value)


def test_a_name_that_the_system_cannot_have_is_one_line(write):
  for name in ("x" * 300 + ".nii", "a\0b", "ct.nii.gz/inside.nii"):
    with pytest.raises(InputError, match='"image"'):
      read_manifest(write(case={"image": name}))


def test_a_file_whose_name_begins_with_a_tilde(write, tmp_path):
  (tmp_path / "~p01.nii.gz").touch()
  entry = {"id": "p", "image": "~p01.nii.gz", "label": None, "annotated": []}
  assert read_manifest(write(cases=[entry])).cases[0].image == tmp_path / "~p01.nii.gz"
  with pytest.raises(InputError, match=r"names .*~nobody_there/x\.nii, which cannot be opened"):
    read_manifest(write(cases=[{**entry, "image": "~nobody_there/x.nii"}]))


def test_a_mask_for_each_organ(write, tmp_path):
  label = {"liver": "label.nii.gz", "spleen": ["label.nii.gz", "ct.nii.gz"]}
  case = read_manifest(write(case={"label": label, "labels": None})).cases[0]
  file = tmp_path / "label.nii.gz"
  assert case.label is None and case.masks == {"liver": (file,), "spleen": (file, tmp_path / "ct.nii.gz")}
  assert case.label_files == (file, file, tmp_path / "ct.nii.gz")
  with pytest.raises(InputError, match="no mask of the annotated spleen"):
    read_manifest(write(case={"label": {"liver": "label.nii.gz"}, "labels": None}))


@pytest.mark.parametrize("patient, read", [(None, ""), ("p 1", "p 1"), (7, "7")])
def test_whose_scan_it_is(write, patient, read):
  manifest = read_manifest(write(case={"patient": patient, "patient_sex": "F"}))
  assert manifest.cases[0].patient == read and "patient_sex" in manifest.notes[0]
  masks = {"liver": "label.nii.gz", "spleen": "label.nii.gz"}
  assert read_manifest(write(case={"patient": patient, "label": masks})).cases[0].patient == read


@pytest.mark.parametrize("series, read", [(None, ""), ("1.2.840.3", "1.2.840.3"), (7, "7")])
def test_which_series_of_a_folder_it_is(write, tmp_path, series, read):
  (tmp_path / "dicom").mkdir()
  manifest = read_manifest(write(case={"image": "dicom", "series": series}))
  assert manifest.cases[0].reading == Reading(series=read)
  assert manifest.cases[0].reading.beyond_headers().get("series", "") == read


@pytest.mark.parametrize("image, series", [("dicom", ""), ("dicom", True), ("dicom", ["1"]), (None, "1")])
def test_what_is_no_series(write, tmp_path, image, series):
  (tmp_path / "dicom").mkdir()
  with pytest.raises(InputError, match='case "a": "series" is '):
    read_manifest(write(case={"series": series, **({"image": image} if image else {})}))


@pytest.mark.parametrize("patient", ["", True, ["p"], 1.5])
def test_what_is_no_patient(write, patient):
  with pytest.raises(InputError, match='case "a": "patient" is '):
    read_manifest(write(case={"patient": patient}))


def test_all_slices_of_a_folder_may_be_said_to_be_one_scan(write, tmp_path):
  (tmp_path / "ct").mkdir()
  case = read_manifest(write(case={"image": "ct", "series": "*"})).cases[0]
  assert case.reading == Reading(one_series=True)
