"""From manifest to store: folds, resuming, failures together, and the index that comes last."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import nibabel
import numpy as np
import pytest
from nibabel import orientations

from data.cases import Case
from data.dataset_json.manifest_file import read_manifest
from data.guards.case_guards import parse_rules
from data.input_error import InputError
from data.stored.dropped_annotations import Drop
from data.stored.folds import with_folds
from data.stored.preparation import CasesFailed, largest_first, prepare_store
from data.stored.shards import OthersMissing, Shard
from data.stored.store import read_store, verify
from tests.conftest import ROOT, make_case, make_store, write_nifti, write_raw


def test_it_returns_the_store_that_it_wrote(tiny_raw, tmp_path):
  store = prepare_store(tiny_raw / "dataset.json", tmp_path / "new" / "store", (None, 4.0, 4.0))
  written = read_store(tmp_path / "new" / "store")
  assert store.spacing_mm == written.spacing_mm == (None, 4.0, 4.0)
  assert [(case.id, case.fold, case.sha256) for case in store.cases] == [
    (case.id, case.fold, case.sha256) for case in written.cases
  ]


def test_prepare_goes_on_from_what_is_finished(tiny_raw, tmp_path):
  make_store(tiny_raw / "dataset.json", tmp_path)
  shutil.rmtree(tmp_path / "cases" / "full_1")
  (tmp_path / "cases" / "full_2" / "label.npy").write_bytes(b"damaged")
  times = {folder.name: folder.stat().st_mtime_ns for folder in (tmp_path / "cases").iterdir()}
  make_store(tiny_raw / "dataset.json", tmp_path)
  redone = {
    folder.name
    for folder in (tmp_path / "cases").iterdir()
    if times.get(folder.name) != folder.stat().st_mtime_ns
  }
  assert redone == {"full_1", "full_2"}
  verify(read_store(tmp_path).cases)


def test_another_recipe_is_another_case(tiny_raw, tmp_path):
  make_store(tiny_raw / "dataset.json", tmp_path)
  make_store(tiny_raw / "dataset.json", tmp_path, (None, 4.0, 4.0))
  assert {case.shape for case in read_store(tmp_path).cases} == {(6, 20, 18)}


def test_seeded_folds_where_the_manifest_has_none(tmp_path):
  store = read_store(make_store(write_raw(tmp_path / "raw", full=4, test=0), tmp_path / "store"))
  assert sorted(case.fold for case in store.cases if store.is_full(case)) == [0, 1, 2, 3]


def test_no_more_folds_than_cases_and_none_for_a_single_one(tmp_path):
  manifest = read_manifest(write_raw(tmp_path, full=3, partial=1, test=0))
  entries = {case.id: {"id": case.id} for case in manifest.cases}
  folds = [entry["fold"] for entry in with_folds(manifest, entries, 5, 0)]
  assert sorted(folds[:3]) == [0, 1, 2] and folds[3] is None
  alone = dataclasses.replace(manifest, cases=manifest.cases[2:])
  assert [entry["fold"] for entry in with_folds(alone, entries, 5, 0)] == [None, None]


def test_folds_for_some_full_cases_only(tiny_raw):
  manifest = read_manifest(tiny_raw / "dataset.json")
  cases = (dataclasses.replace(manifest.cases[0], fold=None), *manifest.cases[1:])
  with pytest.raises(InputError, match="full_0"):
    with_folds(dataclasses.replace(manifest, cases=cases), {case.id: {} for case in cases}, 5, 0)


def test_failures_are_told_together_and_there_is_no_index(tmp_path):
  path = write_raw(tmp_path / "raw")
  make_store(path, tmp_path / "store")
  _, label = make_case(np.random.default_rng(9))
  write_nifti(tmp_path / "raw" / "labels" / "full_1.nii.gz", np.where(label == 2, 77, label).astype(np.uint8))
  (tmp_path / "raw" / "images" / "full_2.nii.gz").write_bytes(b"no image")
  with pytest.raises(CasesFailed, match=r"^2 of 6 cases failed \(full_1, full_2\); the first: .*77") as error:
    prepare_store(path, tmp_path / "store")
  assert (
    list(error.value.failures) == ["full_1", "full_2"] and "full_2.nii.gz" in error.value.failures["full_2"]
  )
  assert not (tmp_path / "store" / "index.json").exists()
  assert (tmp_path / "store" / "cases" / "full_0" / "image.npy").exists()


def test_dropped_annotations_stand_in_the_index(tmp_path):
  path = write_raw(tmp_path / "raw", full=4, partial=1, test=0)
  store = prepare_store(path, tmp_path / "store", drop=Drop(0.5, 2, seed=1))
  assert [len(case.annotated) for case in store.cases].count(1) == 3  # two dropped, one partial
  assert all((case.fold is None) == (len(case.annotated) == 1) for case in store.cases)
  index = json.loads((tmp_path / "store" / "index.json").read_text())
  assert index["dropped_annotations"] == {"case_fraction": 0.5, "organs": 2, "seed": 1, "keep_fold": None}
  assert "dropped_annotations" not in json.loads(
    (make_store(path, tmp_path / "all") / "index.json").read_text()
  )


def test_a_scan_that_is_there_twice_is_refused_unless_allowed(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=1, test=1)
  images = tmp_path / "raw" / "images"
  shutil.copy(images / "test_3.nii.gz", images / "partial_2.nii.gz")
  with pytest.raises(InputError, match=r"same scan twice: partial_2 \(no fold\) = test_3 \(fold 0\)"):
    prepare_store(path, tmp_path / "store")
  assert len(prepare_store(path, tmp_path / "store", allow_repeated_scans=True).cases) == 4


def test_a_part_of_a_test_scan_is_known_whatever_its_axes(tmp_path):
  path = write_raw(tmp_path / "raw", full=1, partial=1, test=1)
  for folder, array in zip(("images", "labels"), make_case(np.random.default_rng(9), (8, 72, 80))):
    write_nifti(tmp_path / "raw" / folder / "test_2.nii.gz", array)
    part = tmp_path / "raw" / folder / "partial_1.nii.gz"
    write_nifti(part, array[1:7, 10:, :64])
    image = nibabel.load(part)
    turn = orientations.axcodes2ornt("PSR", (("L", "R"), ("P", "A"), ("I", "S")))
    nibabel.save(image.as_reoriented(turn), part)
  names = r"hold a part of each other's voxels: partial_1 \(no fold\) = test_2 \(fold 0\); "
  with pytest.raises(InputError, match=names):
    prepare_store(path, tmp_path / "store")
  with pytest.raises(OthersMissing):
    prepare_store(path, tmp_path / "shards", shard=Shard(1, 2))
  with pytest.raises(InputError, match=names):
    prepare_store(path, tmp_path / "shards", shard=Shard(2, 2))
  guards = parse_rules(["duplicate"], refuse=False)
  assert len(prepare_store(path, tmp_path / "store", guards=guards).cases) == 3


def test_a_store_of_before_there_were_sketches_goes_on(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=0, test=1)
  make_store(path, tmp_path / "store")
  for file in (tmp_path / "store" / "cases").glob("*/case.json"):
    content = json.loads(file.read_text())
    del content["entry"]["sketch"]
    file.write_text(json.dumps(content))
  times = [file.stat().st_mtime_ns for file in sorted((tmp_path / "store" / "cases").glob("*/case.json"))]
  store = prepare_store(path, tmp_path / "store")
  assert [case.sketch for case in store.cases] == ["", "", ""]
  assert times == [
    file.stat().st_mtime_ns for file in sorted((tmp_path / "store" / "cases").glob("*/case.json"))
  ]


def test_an_image_that_is_no_ct_is_refused_unless_it_is_said_to_be_one(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=0, test=0)
  image, _ = make_case(np.random.default_rng(0))
  write_nifti(tmp_path / "raw" / "images" / "full_0.nii.gz", (image + 1024).astype(np.int16))
  with pytest.raises(CasesFailed, match=r"HU \+ 1024") as error:
    prepare_store(path, tmp_path / "store")
  assert list(error.value.failures) == ["full_0"]
  assert len(prepare_store(path, tmp_path / "store", assume_hu=True).cases) == 2
  with pytest.raises(CasesFailed):  # what was assumed before is not assumed now
    prepare_store(path, tmp_path / "store")


def test_pictures_of_separate_slices(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=2, test=0)
  image, _ = make_case(np.random.default_rng(0))
  grey = np.rint(np.clip((image + 125) / 400, 0, 1) * 255).astype(np.int16)
  write_nifti(tmp_path / "raw" / "images" / "full_0.nii.gz", grey)
  asked = {"grey_pictures": (-125.0, 275.0), "separate_slices": True, "fold_partial": True}
  with pytest.raises(InputError, match="separate slices cannot be resampled to 3 x 3 x 3"):
    prepare_store(path, tmp_path / "store", spacing_mm=(3.0, 3.0, 3.0), **asked)
  store = prepare_store(path, tmp_path / "store", **asked)
  assert all(case.separate_slices for case in store.cases) and store.cases[2].fold is not None
  entries = {entry["id"]: entry for entry in json.loads((store.path / "index.json").read_text())["cases"]}
  assert entries["full_0"]["grey_picture"] == {"window_hu": [-125, 275]}
  assert "grey_picture" not in entries["full_1"]
  true = prepare_store(write_raw(tmp_path / "hu", full=1, partial=0, test=0), tmp_path / "true").cases[0]
  between = (grey > 4) & (grey < 250)
  off = store.cases[0].image().astype(int) - true.image()
  assert np.abs(off)[between].max() <= 1  # a grey value; what was black or white is fat, air, bone
  before = [(case.folder / "image.npy").stat().st_mtime_ns for case in store.cases]
  again = prepare_store(path, tmp_path / "store", **asked)
  assert [(case.folder / "image.npy").stat().st_mtime_ns for case in again.cases] == before


def test_a_case_of_two_headers_is_prepared_by_the_one_that_is_named(tmp_path):
  path = write_raw(tmp_path / "raw", full=1, partial=0, test=0)
  for file in (tmp_path / "raw" / "images" / "full_0.nii.gz", tmp_path / "raw" / "labels" / "full_0.nii.gz"):
    image = nibabel.load(file)
    turned = image.affine @ np.diag([1, -1, 1, 1])
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine)
    image.set_sform(image.affine, 1)
    image.set_qform(turned, 1)
    nibabel.save(image, file)
  with pytest.raises(CasesFailed, match=r"sform and qform disagree.*--nifti_header=qform"):
    prepare_store(path, tmp_path / "store")
  by_sform, by_qform = (
    np.load(prepare_store(path, tmp_path / form, nifti_header=form).path / "cases" / "full_0" / "image.npy")
    for form in ("sform", "qform")
  )
  np.testing.assert_array_equal(by_sform, by_qform[:, ::-1])
  assert not np.array_equal(by_sform, by_qform)


def test_an_organ_that_would_vanish_keeps_a_voxel_and_that_is_noted(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=0, test=0)
  _, label = make_case(np.random.default_rng(0))
  label[label == 3] = 0
  label[2, 20:22, 10:12] = 3
  write_nifti(tmp_path / "raw" / "labels" / "full_0.nii.gz", label)
  store = prepare_store(path, tmp_path / "store", spacing_mm=(9.0, 9.0, 9.0))
  assert store.cases[0].voxels["pancreas"] == 1
  (entry,) = [
    case for case in json.loads((store.path / "index.json").read_text())["cases"] if case["id"] == "full_0"
  ]
  assert any("pancreas would vanish; one voxel is kept" in note for note in entry["notes"])


def test_files_that_are_no_stores_are_not_replaced(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=0, test=0)
  (tmp_path / "mine").mkdir()
  (tmp_path / "mine" / "index.json").write_text('{"pages": 3}')
  with pytest.raises(InputError, match=r"index\.json: is there already and is no index of a store"):
    prepare_store(path, tmp_path / "mine")
  kept = tmp_path / "other" / "cases" / "full_0" / "notes.txt"
  kept.parent.mkdir(parents=True)
  kept.write_text("mine")
  with pytest.raises(InputError, match="was not written by prepare"):
    prepare_store(path, tmp_path / "other")
  assert kept.read_text() == "mine"


def test_values_that_are_not_wanted_become_background(tmp_path):
  path = write_raw(tmp_path / "raw", full=2, partial=0, test=0)
  content = json.loads(path.read_text())
  content["organs"] = ["liver", "spleen"]
  for case in content["cases"]:
    case["labels"] = {"1": "liver", "2": "spleen", "3": None}
  path.write_text(json.dumps(content))
  store = prepare_store(path, tmp_path / "store")
  label = np.array(store.cases[0].label())
  assert set(np.unique(label)) == {0, 1, 2}


@pytest.mark.slow
def test_a_killed_prepare_redoes_only_the_cases_in_flight(tmp_path):
  path = write_raw(tmp_path / "raw", full=16, partial=0, test=0)
  command = [sys.executable, "-m", "data.prepare", f"--manifest={path}", f"--output_dir={tmp_path / 'store'}"]
  process = subprocess.Popen([*command, "--workers=1"], cwd=ROOT)
  cases = tmp_path / "store" / "cases"
  try:
    while len(list(cases.glob("[!.]*/case.json"))) < 3 and process.poll() is None:
      time.sleep(0.002)
  finally:
    process.send_signal(signal.SIGKILL)
    process.wait()
  finished = {file.parent.name: file.stat().st_mtime_ns for file in cases.glob("[!.]*/case.json")}
  assert 3 <= len(finished) < 16 and not (tmp_path / "store" / "index.json").exists()
  (cases / ".full_9.12345.tmp").mkdir()
  store = prepare_store(path, tmp_path / "store")
  for name, before in finished.items():
    assert (cases / name / "case.json").stat().st_mtime_ns == before
  assert {folder.name for folder in cases.iterdir()} == {case.id for case in store.cases}  # no leftovers
  whole = read_store(make_store(path, tmp_path / "whole"))
  assert [case.sha256 for case in store.cases] == [case.sha256 for case in whole.cases]


def test_a_report_lies_beside_the_index_and_no_page_of_others_is_replaced(tiny_raw, tmp_path):
  page = tmp_path / "store" / "prepare_report.html"
  make_store(tiny_raw / "dataset.json", tmp_path / "store")
  assert page.read_text(encoding="utf-8").count("data:image/jpeg;base64,") == 6
  make_store(tiny_raw / "dataset.json", tmp_path / "store")
  page.write_text("my notes")
  with pytest.raises(InputError, match=r"prepare_report\.html: is there already"):
    make_store(tiny_raw / "dataset.json", tmp_path / "store")
  assert page.read_text() == "my notes"


def test_large_cases_are_begun_first(tmp_path):
  (tmp_path / "small.nii").write_bytes(bytes(10))
  (tmp_path / "large.nii").write_bytes(bytes(30))
  (tmp_path / "series").mkdir()
  for name in "ab":
    (tmp_path / "series" / name).write_bytes(bytes(10))
  names = ("gone", "small.nii", "series", "large.nii")
  cases = [Case(name, tmp_path / name, None, (), {}) for name in names]
  assert [case.id for case in largest_first(cases)] == ["large.nii", "series", "small.nii", "gone"]
