"""One case brought into the store: what becomes of its label map, its grid, and cases that are refused."""

import itertools
import json
import shutil

import hypothesis
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import strategies as st
from nibabel import orientations

from data.dataset_json.manifest_file import read_manifest
from data.guards.case_guards import parse_rules
from data.input_error import InputError
from data.stored.store import read_store
from data.stored.stored_case import Preparation, prepare_case
from tests.conftest import TINY_ORGANS, make_case, make_store, write_nifti, write_raw


def test_organs_that_are_not_annotated_become_unknown(tmp_path):
  path = write_raw(tmp_path)
  content = json.loads(path.read_text())
  content["cases"][0]["annotated"] = ["spleen"]
  path.write_text(json.dumps(content))
  label = read_store(make_store(path, tmp_path / "store")).cases[0].label()
  assert set(np.unique(label)) == {0, 2}


def test_resampling_moves_the_affine_with_the_grid(tiny_raw, tmp_path):
  store = read_store(make_store(tiny_raw / "dataset.json", tmp_path, (3.0, 4.0, 4.0)))
  case = store.cases[0]
  assert (
    case.shape == (6, 20, 18) and case.spacing_mm == (3.0, 4.0, 4.0) and store.spacing_mm == (3.0, 4.0, 4.0)
  )
  original = nibabel.load(tiny_raw / "images" / "full_0.nii.gz")
  middle = np.append((np.array(original.shape) - 1) / 2, 1)
  np.testing.assert_allclose(
    case.affine @ np.append((np.array(case.shape[::-1]) - 1) / 2, 1), original.affine @ middle
  )


@pytest.fixture
def raw(tmp_path):
  return write_raw(tmp_path / "raw", full=1, partial=0, test=0).parent


def prepared(raw, max_voxels=10**9, spacing_mm=(None, None, None)):
  manifest = read_manifest(raw / "dataset.json")
  return prepare_case(manifest.cases[0], Preparation(manifest.organs, spacing_mm, max_voxels), raw / "store")


def test_an_unlabelled_case_is_all_background(raw):
  content = json.loads((raw / "dataset.json").read_text())
  del content["cases"][0]["label"]
  content["cases"][0]["annotated"] = []
  (raw / "dataset.json").write_text(json.dumps(content))
  entry = prepared(raw)
  assert entry["voxels"] == {"background": 6 * 40 * 36, **dict.fromkeys(TINY_ORGANS, 0)}
  assert entry["sha256"]["source_label"] is None


def test_values_that_the_manifest_does_not_name_are_refused(raw):
  _, label = make_case(np.random.default_rng(0))
  stranger = np.where(label == 2, 77, label).astype(np.uint8)
  write_nifti(raw / "labels" / "full_0.nii.gz", stranger)
  voxels = np.count_nonzero(stranger == 77)
  with pytest.raises(InputError, match=rf"full_0\.nii\.gz: .*77.*{voxels}.*\[1, 2, 3\]"):
    prepared(raw)
  assert not (raw / "store" / "cases" / "full_0").exists()


def test_values_that_map_to_null_are_background(raw):
  content = json.loads((raw / "dataset.json").read_text())
  content["cases"][0].update(annotated=["liver"], labels={"1": "liver", "2": None, "3": "background"})
  (raw / "dataset.json").write_text(json.dumps(content))
  assert prepared(raw)["voxels"]["liver"] > 0
  assert set(np.unique(np.load(raw / "store" / "cases" / "full_0" / "label.npy"))) == {0, 1}


def test_a_label_map_on_another_grid_is_refused(raw):
  image, _ = make_case(np.random.default_rng(0))
  write_nifti(raw / "images" / "full_0.nii.gz", image[:-1])
  with pytest.raises(InputError, match="full_0"):
    prepared(raw)


def test_a_case_that_would_grow_too_large(raw):
  with pytest.raises(InputError, match="--max_voxels=1,000"):
    prepared(raw, 1000, (0.1, 0.1, 0.1))


def test_a_changed_source_is_prepared_again_and_an_unchanged_one_is_not(raw):
  prepared(raw)
  array = raw / "store" / "cases" / "full_0" / "image.npy"
  before = array.stat().st_mtime_ns
  prepared(raw)
  assert array.stat().st_mtime_ns == before
  image, _ = make_case(np.random.default_rng(7))
  write_nifti(raw / "images" / "full_0.nii.gz", image)
  prepared(raw)
  assert array.stat().st_mtime_ns != before


ORIENTATIONS = [
  np.array(list(zip(axes, signs)))
  for axes in itertools.permutations(range(3))
  for signs in itertools.product((1, -1), repeat=3)
]


ENDINGS = (".nii.gz", ".nrrd", ".mha")


def reoriented(path, orientation):
  image = nibabel.load(path)
  array = orientations.apply_orientation(np.asarray(image.dataobj), orientation)
  affine = image.affine @ orientations.inv_ornt_aff(orientation, image.shape)
  nibabel.save(nibabel.Nifti1Image(array, affine), path)


def stored_as(path, orientation, ending):
  """A copy of a NIfTI file in another orientation, and by SimpleITK in another format; its name."""
  path = shutil.copy(path, path.with_name("turned.nii.gz"))
  reoriented(path, orientation)
  other = path.with_name(f"turned{ending}")
  if ending != ".nii.gz":
    sitk.WriteImage(sitk.ReadImage(str(path)), str(other))
  return f"{other.parent.name}/{other.name}"


@pytest.mark.slow
@hypothesis.settings(max_examples=1, deadline=None, phases=[hypothesis.Phase.generate])
@hypothesis.given(of_labels=st.permutations(range(len(ORIENTATIONS))), label_endings=st.permutations(ENDINGS))
def test_all_48_orientations_give_one_store(tmp_path_factory, of_labels, label_endings):
  """Of NIfTI, NRRD and MetaImage; a label map has another orientation and format than its image."""
  raw = write_raw(tmp_path_factory.mktemp("raw"), full=1, partial=0, test=0).parent
  image, label = (raw / kind / "full_0.nii.gz" for kind in ("images", "labels"))
  content = json.loads((raw / "dataset.json").read_text())
  before = without_sources(prepared(raw))
  assert len(ORIENTATIONS) == 48
  for of_image, of_label in zip(ORIENTATIONS, of_labels):
    for image_ending, label_ending in zip(ENDINGS, label_endings):
      content["cases"][0]["image"] = stored_as(image, of_image, image_ending)
      content["cases"][0]["label"] = stored_as(label, ORIENTATIONS[of_label], label_ending)
      (raw / "dataset.json").write_text(json.dumps(content))
      after = without_sources(prepared(raw))
      np.testing.assert_allclose(after["affine"], before["affine"], atol=1e-4)
      np.testing.assert_allclose(after["spacing_mm"], before["spacing_mm"], rtol=1e-6)
      # to the digits of a header; notes name the file
      inexact = ("affine", "spacing_mm", "source_spacing_mm", "measured", "notes")
      assert {**after, **{key: before[key] for key in inexact}} == before
      for organ, measured in before["measured"].items():
        assert after["measured"][organ] == pytest.approx(measured, rel=1e-4)


def without_sources(entry):
  kept = {name: value for name, value in entry["sha256"].items() if not name.startswith("source")}
  return {**entry, "sha256": kept}


def test_what_guards_find_stands_in_the_entry_and_refuses_on_request(raw):
  entry = prepared(raw)
  assert entry["measured"]["liver"]["ml"] == pytest.approx(4 * 8 * 6 * 12 / 1000)
  assert {finding["guard"] for finding in entry["findings"]} == {"side", "volume"}
  manifest = read_manifest(raw / "dataset.json")

  def with_rules(*names):
    preparation = Preparation(
      manifest.organs, (None, None, None), 10**9, guards=parse_rules(names, refuse=True)
    )
    return prepare_case(manifest.cases[0], preparation, raw / "store")

  time = (raw / "store" / "cases" / "full_0" / "image.npy").stat().st_mtime_ns
  with pytest.raises(
    InputError, match=r"full_0\.nii\.gz: the liver lies only .* --override_guards=side:full_0"
  ):
    with_rules()
  with pytest.raises(InputError, match="--override_guards=volume:full_0"):
    with_rules("side:full_0")
  assert with_rules("side", "volume") == entry
  assert (
    raw / "store" / "cases" / "full_0" / "image.npy"
  ).stat().st_mtime_ns == time  # nothing was done again


def test_a_case_of_before_there_were_guards_is_looked_at(raw):
  entry = prepared(raw)
  path = raw / "store" / "cases" / "full_0" / "case.json"
  content = json.loads(path.read_text())
  del content["entry"]["findings"], content["entry"]["measured"]
  path.write_text(json.dumps(content))
  assert prepared(raw) == entry


def test_a_label_map_whose_header_alone_is_wrong(raw):
  before = prepared(raw)
  reoriented(raw / "images" / "full_0.nii.gz", np.array([[0, 1], [1, -1], [2, 1]]))
  path = raw / "labels" / "full_0.nii.gz"
  reoriented(path, np.array([[0, 1], [1, -1], [2, 1]]))  # as the image: voxel by voxel they agree
  label = nibabel.load(path)
  nibabel.save(nibabel.Nifti1Image(np.asarray(label.dataobj), np.diag([2.0, 2.0, 3.0, 1.0])), path)
  with pytest.raises(
    InputError, match=r"corners lie up to .* --override_guards=grid:full_0 takes its voxels"
  ):
    prepared(raw)
  manifest = read_manifest(raw / "dataset.json")
  rules = parse_rules(["grid:full_0"], refuse=False)
  after = prepare_case(
    manifest.cases[0], Preparation(manifest.organs, (None, None, None), 10**9, guards=rules), raw / "store"
  )
  assert after["sha256"]["label"] == before["sha256"]["label"] and after["voxels"] == before["voxels"]
  assert any("its voxels were taken for the image's" in note for note in after["notes"])
  write_nifti(path, np.zeros((7, 40, 36), np.uint8))
  with pytest.raises(InputError, match="both must be equal"):
    prepare_case(
      manifest.cases[0], Preparation(manifest.organs, (None, None, None), 10**9, guards=rules), raw / "store"
    )
