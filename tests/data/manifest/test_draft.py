"""From two folders to a manifest that prepare reads."""

import json

import nibabel
import numpy as np
import pydicom
import pytest

from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError
from data.manifest.draft import draft_manifest, parse_organs
from data.reading.case_volumes import read_case_image, read_case_label
from tests.conftest import make_case, write_nifti
from tests.data.dicom.dicom_files import RAMP, write_slice
from tests.data.dicom.label_files import write_rtstruct


@pytest.fixture
def folders(tmp_path):
  """Three images, two label maps with the values 1, 2, 3 and 1, 3."""
  for number in range(3):
    image, label = make_case(np.random.default_rng(number))
    write_nifti(tmp_path / "scans" / f"img{number}.nii.gz", image)
    if number < 2:
      write_nifti(
        tmp_path / "labels" / f"label{number}.nii.gz",
        np.where(label == 2, 2 - 2 * number, label).astype(np.uint8),
      )
  return tmp_path


def drafted(folders, organs=(), annotated=()):
  draft = draft_manifest(folders / "scans", folders / "labels", folders, parse_organs(organs), annotated)
  (folders / "dataset.json").write_text(json.dumps(draft.content))
  return draft, read_manifest(folders / "dataset.json")


def test_values_get_names_and_what_is_absent_is_unknown(folders):
  draft, manifest = drafted(folders)
  assert manifest.organs == ("organ 1", "organ 2", "organ 3")
  assert [case.id for case in manifest.cases] == ["img0", "img1", "img2"]
  assert [case.annotated for case in manifest.cases] == [manifest.organs, ("organ 1", "organ 3"), ()]
  assert manifest.cases[2].label is None and not manifest.notes
  assert any("1 of 3 cases have not all values (img1)" in note for note in draft.notes)
  assert any("--organs=1:liver" in note for note in draft.notes)


def test_names_of_the_user(folders):
  _, manifest = drafted(folders, ["1:liver", "3:spleen", "2:background"], ["all"])
  assert manifest.organs == ("liver", "spleen")
  assert [case.annotated for case in manifest.cases] == [("liver", "spleen")] * 2 + [()]
  assert manifest.cases[0].values == {1: "liver", 3: "spleen"} and manifest.cases[0].background == {2}
  _, manifest = drafted(folders, ["liver", "kidney", "spleen"], ["spleen"])
  assert [case.annotated for case in manifest.cases] == [("spleen",), ("spleen",), ()]


def test_a_value_that_nobody_named(folders):
  with pytest.raises(InputError, match=r"label0\.nii\.gz: holds the value 2, which --organs does not name"):
    drafted(folders, ["1:liver", "3:spleen"])


def test_an_organ_that_no_value_is(folders):
  with pytest.raises(
    InputError, match="no label value is called pancreas; the organs are liver, kidney, spleen"
  ):
    drafted(folders, ["liver", "kidney", "spleen"], ["pancreas"])


def test_one_value_and_one_organ_belong_together(folders):
  for number in range(2):
    write_nifti(
      folders / "labels" / f"label{number}.nii.gz",
      (make_case(np.random.default_rng(number))[1] > 0).astype(np.uint8),
    )
  draft, manifest = drafted(folders, annotated=["spleen"])
  assert manifest.organs == ("spleen",) and draft.meanings == {"1": "spleen"}


def test_one_folder_for_both(folders):
  with pytest.raises(InputError, match="each kind needs a folder of its own"):
    draft_manifest(folders / "scans", folders / "scans", folders, {})


@pytest.mark.parametrize(
  "text",
  ["1:liver,spleen", "0:liver", "1:liver,1:spleen", "liver,liver", "background,liver", "1:Ignore,2:liver"],
)
def test_organs_that_cannot_be(text):
  with pytest.raises(InputError, match="--organs="):
    parse_organs(text.split(","))


def test_cases_of_one_name_are_told_apart_by_their_folders(tmp_path):
  for name in ("p 1", "p 2"):
    image, label = make_case(np.random.default_rng(0))
    write_nifti(tmp_path / "scans" / name / "ct.nii.gz", image)
    write_nifti(tmp_path / "labels" / name / "ct.nii.gz", label)
  _, manifest = drafted(tmp_path)
  assert [case.id for case in manifest.cases] == ["p_1_ct", "p_2_ct"]


def test_a_mask_for_each_organ(tmp_path):
  """Of the second case the spleen's mask is empty: nobody says whether it was drawn."""
  for number in range(2):
    image, label = make_case(np.random.default_rng(number))
    write_nifti(tmp_path / "scans" / f"p{number}.nii.gz", image)
    for value, organ in ((1, "liver"), (2, "spleen")):
      mask = (label == value).astype(np.uint8) * (1 - number * (value == 2))
      write_nifti(tmp_path / "labels" / f"p{number}" / f"{organ}.nii.gz", mask)
  draft, manifest = drafted(tmp_path)
  assert manifest.organs == ("liver", "spleen") and "masks of one organ each" in draft.notes[0]
  assert [case.annotated for case in manifest.cases] == [("liver", "spleen"), ("liver",)]
  assert manifest.cases[1].masks["spleen"] == (tmp_path / "labels" / "p1" / "spleen.nii.gz",)
  _, manifest = drafted(tmp_path, annotated=["all"])
  assert [case.annotated for case in manifest.cases] == [("liver", "spleen")] * 2
  with pytest.raises(InputError, match="--organs: names label values"):
    drafted(tmp_path, ["liver", "spleen"])
  with pytest.raises(InputError, match="no label file is called pancreas"):
    drafted(tmp_path, annotated=["pancreas"])
  (tmp_path / "labels" / "p1" / "spleen.nii.gz").unlink()
  with pytest.raises(InputError, match="has no mask of spleen"):
    drafted(tmp_path, annotated=["all"])
  write_nifti(tmp_path / "labels" / "p1" / "liver.nii.gz", make_case(np.random.default_rng(0))[1])
  with pytest.raises(InputError, match="of 3 label maps"):  # no mask: it has several values
    drafted(tmp_path)


def test_what_is_not_used_and_what_was_guessed_is_told(folders):
  (folders / "scans" / "x.tif").touch()
  for number in range(2):
    (folders / "labels" / f"label{number}.nii.gz").rename(folders / "labels" / f"reader_{number}.nii.gz")
  notes = drafted(folders)[0].notes
  assert "1 file(s) are of kinds that are not read (x.tif)" in notes[0]
  assert any(
    "only the numbers" in note and "img0.nii.gz is taken with reader_0.nii.gz" in note for note in notes
  )


def test_names_that_differ_by_capitals_are_one_folder_on_many_disks(folders):
  (folders / "scans" / "IMG0.nii.gz").write_bytes((folders / "scans" / "img0.nii.gz").read_bytes())
  with pytest.raises(InputError, match=r"IMG0.nii.gz and img0.nii.gz would be cases of one name"):
    drafted(folders)


def test_folders_of_several_series_are_told_of(tmp_path):
  for number, uid in enumerate(("9.8", "9.9")):
    for z in (0, 1):
      path = tmp_path / "scans" / "p1" / f"{number}{z}.dcm"
      path.parent.mkdir(parents=True, exist_ok=True)
      write_slice(path, RAMP[z], (0, 0, z), SeriesInstanceUID=uid)
  write_nifti(tmp_path / "labels" / "p1.nii.gz", np.ones((2, 5, 6), np.uint8))
  draft, manifest = drafted(tmp_path, ["liver"])
  assert any("1 DICOM folder(s) hold several series (p1), and no label says" in note for note in draft.notes)
  assert manifest.cases[0].reading.series == ""
  label = tmp_path / "labels" / "p1.nii.gz"
  label.unlink()
  data = pydicom.dcmread(
    write_rtstruct(tmp_path / "labels" / "p1.dcm", {"Liver": [[(0, 0, 0), (2, 0, 0), (2, 2, 0)]]})
  )
  data.ReferencedSeriesSequence = [pydicom.Dataset()]
  data.ReferencedSeriesSequence[0].SeriesInstanceUID = "9.9"
  (tmp_path / "labels" / "p1.dcm").unlink()
  (tmp_path / "labels" / "p1").mkdir()
  data.save_as(tmp_path / "labels" / "p1" / "rt.dcm")
  draft, manifest = drafted(tmp_path)
  assert manifest.cases[0].reading.series == "9.9" and not any("several" in note for note in draft.notes)


def test_structures_that_nobody_drew_are_not_annotated(tmp_path):
  """A template names the spleen in both patients; one has it drawn."""
  for number, uid in enumerate(("9.8", "9.9")):
    for z in (0, 1):
      path = tmp_path / "scans" / f"p{number}" / f"{z}.dcm"
      path.parent.mkdir(parents=True, exist_ok=True)
      write_slice(path, RAMP[z], (0, 0, z), SeriesInstanceUID=uid)
  drawn = [[(0, 0, 0), (2, 0, 0), (2, 2, 0)]]
  for number, spleen in enumerate(([], drawn)):
    (tmp_path / "labels" / f"p{number}").mkdir(parents=True)
    write_rtstruct(tmp_path / "labels" / f"p{number}" / "rt.dcm", {"liver": drawn, "spleen": spleen})
  draft, manifest = drafted(tmp_path)
  assert [case.annotated for case in manifest.cases] == [("liver",), ("liver", "spleen")]
  assert any("hold nothing are taken as not annotated (p0: spleen)" in note for note in draft.notes)


def named_map(path, values, names):
  """A NIfTI label map with a table of names in its header."""
  rows = "".join(f'<Label Key="{value}">{name}</Label>' for value, name in names.items())
  image = nibabel.Nifti1Image(np.array(values, np.uint8).reshape(1, 2, -1), np.diag([2.0, 2, 3, 1]))
  text = (
    f"<CaretExtension><VolumeInformation><LabelTable>{rows}</LabelTable></VolumeInformation></CaretExtension>"
  )
  image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, text.encode()))
  path.parent.mkdir(parents=True, exist_ok=True)
  nibabel.save(image, path)


def test_names_in_label_maps_are_taken_and_not_overruled(tmp_path):
  for name in ("p0", "p1"):
    write_nifti(tmp_path / "scans" / f"{name}.nii.gz", np.zeros((1, 2, 4), np.int16))
    named_map(tmp_path / "labels" / f"{name}.nii.gz", [0, 1, 2, 3] * 2, {1: "liver", 2: "spleen"})
  draft, manifest = drafted(tmp_path)
  assert manifest.organs == ("liver", "spleen", "organ 3")
  assert any("say what their values are" in note for note in draft.notes)
  assert drafted(tmp_path, ["1:liver", "2:spleen", "3:aorta"])[1].organs == ("liver", "spleen", "aorta")
  with pytest.raises(InputError, match="calls its value 1 liver, and --organs calls it spleen"):
    drafted(tmp_path, ["1:spleen", "2:liver", "3:aorta"])
  named_map(tmp_path / "labels" / "p1.nii.gz", [0, 1, 2, 3] * 2, {1: "spleen", 2: "liver"})
  with pytest.raises(
    InputError, match=r"p1\.nii\.gz: calls its value 1 spleen, and .*p0\.nii\.gz calls it liver"
  ):
    drafted(tmp_path)


def test_masks_of_one_organ_under_two_names(tmp_path):
  for patient, name in (("p0", "left_kidney"), ("p1", "kidney_left")):
    write_nifti(tmp_path / "scans" / f"{patient}.nii.gz", np.zeros((2, 3, 4), np.int16))
    for organ in (name, "liver"):
      write_nifti(tmp_path / "labels" / patient / f"{organ}.nii.gz", np.eye(4, dtype=np.uint8)[None, :3] * 1)
  _, manifest = drafted(tmp_path)
  assert manifest.organs == ("kidney_left", "liver")
  assert [case.annotated for case in manifest.cases] == [manifest.organs] * 2
  write_nifti(tmp_path / "labels" / "p1" / "left_kidney.nii.gz", np.ones((2, 3, 4), np.uint8))
  with pytest.raises(InputError, match=r"is a mask of left_kidney, as .*kidney_left\.nii\.gz is"):
    drafted(tmp_path)


def test_a_mask_that_kept_the_header_of_its_label_map_is_no_organ_of_the_table(tmp_path):
  """nibabel.Nifti1Image(label == 5, affine, header) copies the table, in which 1 is the spleen."""
  table = {1: "spleen", 5: "liver"}
  for number in range(2):
    path = tmp_path / "scans" / f"p{number}.nii.gz"
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros((1, 2, 4), np.int16), np.diag([2.0, 2, 3, 1])), path)
    named_map(tmp_path / "labels" / f"p{number}.nii.gz", [0, 1, 1, 0] * 2, table)
  assert drafted(tmp_path, annotated=["liver"])[1].organs == ("liver",)
  assert drafted(tmp_path)[1].organs == ("organ 1",)
  manifest = drafted(tmp_path, ["1:liver"])[1]
  case = manifest.cases[0]
  label = read_case_label(case, read_case_image(case), manifest.organs)
  assert set(np.unique(label.array)) == {0, 1}


def test_names_of_one_organ_in_two_spellings_and_of_none(tmp_path):
  for number, name in enumerate(("left kidney", "kidney_left")):
    write_nifti(tmp_path / "scans" / f"p{number}.nii.gz", np.zeros((1, 2, 4), np.int16))
    names = {1: "liver", 2: name, 3: "Background"}
    named_map(tmp_path / "labels" / f"p{number}.nii.gz", [0, 1, 2, 3] * 2, names)
  _, manifest = drafted(tmp_path)
  assert manifest.organs == ("liver", "left kidney") and manifest.cases[1].background == {3}
