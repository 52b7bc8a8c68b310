"""What counts as finished; test_prediction.py has it by way of whole predictions."""

import dataclasses
import json
import pathlib
import zipfile

import pytest

from data.files.outputs import Outputs
from deeplab_panns.prediction.finished import PREDICTIONS, Finished, FinishedCases, scan_sha256, series_by_id
from deeplab_panns.prediction.scan import Scan
from tests.data.dicom.dicom_files import write_series

ONE = Finished("in/a.nii", "h1", "m1", "1.0", {"crop": False}, ("a.nii.gz",), 2.5, {"liver": {"voxels": 3}})
ORGANS = ("liver",)


@pytest.fixture
def outputs(tmp_path):
  outputs = Outputs(tmp_path)
  (tmp_path / "a.nii.gz").write_bytes(b"labels")
  outputs.wrote(["a.nii.gz"])
  return outputs


def test_a_record_is_read_again_as_it_was_written(outputs):
  FinishedCases(outputs, ORGANS).add("a", ONE)
  again = FinishedCases(outputs, ORGANS)
  assert dict(again) == {"a": ONE} and again.is_current("a", ONE)
  assert not again.is_current("b", ONE)


@pytest.mark.parametrize(
  "change",
  [
    {"input_sha256": "h2"},
    {"model": "m2"},
    {"version": "1.1"},
    {"settings": {"crop": True}},
    {"files": ("a.nii.gz", "a.png")},
  ],
)
def test_whatever_it_was_made_of_counts(outputs, change):
  cases = FinishedCases(outputs, ORGANS)
  cases.add("a", ONE)
  assert not cases.is_current("a", dataclasses.replace(ONE, **change))
  assert cases.is_current("a", dataclasses.replace(ONE, input="moved/a.nii", seconds=0, organs={}))


def test_an_output_that_was_edited_is_not_finished(outputs):
  cases = FinishedCases(outputs, ORGANS)
  cases.add("a", ONE)
  (outputs.folder / "a.nii.gz").write_bytes(b"by hand")
  assert not cases.is_current("a", ONE)


def test_cases_of_other_organs_and_without_files_are_forgotten(outputs):
  cases = FinishedCases(outputs, ORGANS)
  cases.add("a", ONE)
  cases.add("b", dataclasses.replace(ONE, files=("b.nii.gz",)))
  assert list(FinishedCases(outputs, ORGANS)) == ["a"]
  assert not FinishedCases(outputs, ("spleen",))


def test_what_other_processes_record_is_kept(tmp_path, outputs):
  """Each began with an empty record."""
  shared = [FinishedCases(Outputs(tmp_path, shared=True), ORGANS) for _ in range(2)]
  for cases, name in zip(shared, "ab"):
    cases.add(name, ONE)
  assert list(shared[1]) == ["a", "b"] and list(shared[0]) == ["a"]
  shared[0].refresh()
  assert list(shared[0]) == ["a", "b"] == list(FinishedCases(outputs, ORGANS))


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', json.dumps({"a": {"input": "x"}})])
def test_a_damaged_record_counts_as_none(outputs, content):
  (outputs.folder / PREDICTIONS).write_text(content)
  assert not FinishedCases(outputs, ORGANS)


def test_the_hash_of_a_scan_is_that_of_all_its_files(tmp_path):
  def hash_of(name):
    return scan_sha256(Scan(tmp_path / name))

  write_series(tmp_path / "ct")
  before = hash_of("ct")
  (tmp_path / "ct" / "out").mkdir()
  (tmp_path / "ct" / "out" / "labels.nii.gz").write_bytes(b"x")
  assert hash_of("ct") == before  # what lies below is no part of it
  (tmp_path / "ct" / "new.dcm").write_bytes(b"x")
  assert hash_of("ct") != before
  for header, data in (("a.hdr", "a.img"), ("b.mhd", "b.raw")):
    (tmp_path / header).write_text(f"ElementDataFile = {data}\n")
    (tmp_path / data).write_bytes(b"1")
    before = hash_of(header)
    (tmp_path / data).write_bytes(b"2")
    assert hash_of(header) != before
  (tmp_path / "c.nii").write_bytes(b"1")
  (tmp_path / "d.nii").write_bytes(b"1")
  assert hash_of("c.nii") == hash_of("d.nii")  # a name is no content


def test_the_hash_of_one_of_several_scans_is_that_of_its_own_files(tmp_path):
  folder = write_series(tmp_path / "ct")
  names = tuple(sorted(path.name for path in folder.iterdir()))

  def hashes():
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
      for path in sorted(folder.iterdir()):
        packed.write(path, f"ct/{path.name}")
    members = tuple(f"ct/{name}" for name in names)
    within = Scan(tmp_path / "a.zip", members, within=Scan(pathlib.Path("ct"), names), alone=False)
    return scan_sha256(Scan(folder, names, alone=False)), scan_sha256(within)

  before = hashes()
  (folder / "other.dcm").write_bytes(b"x")
  assert hashes() == before
  (folder / names[0]).write_bytes(b"x")
  assert not set(hashes()) & set(before)


def test_the_series_of_cases_are_known_by_their_codes(outputs):
  assert series_by_id(outputs.folder) == {}
  cases = FinishedCases(outputs, ORGANS)
  cases.add("a", ONE)
  cases.add("b", dataclasses.replace(ONE, series="3fa9c1"))
  assert series_by_id(outputs.folder) == {"b": "3fa9c1"}
