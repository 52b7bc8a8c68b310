"""What counts as finished; test_prediction.py has it by way of whole predictions."""

import dataclasses
import json

import pytest

from data.files.outputs import Outputs
from deeplab_panns.prediction.finished import PREDICTIONS, Finished, FinishedCases, scan_sha256
from tests.data.dicom.dicom_files import write_series

ONE = Finished("in/a.nii", "h1", "m1", "1.0", {"crop": False}, ("a.nii.gz",), 2.5, {"liver": {"voxels": 3}})


@pytest.fixture
def outputs(tmp_path):
  outputs = Outputs(tmp_path)
  (tmp_path / "a.nii.gz").write_bytes(b"labels")
  outputs.wrote(["a.nii.gz"])
  return outputs


def test_a_record_is_read_again_as_it_was_written(outputs):
  FinishedCases(outputs).add("a", ONE)
  again = FinishedCases(outputs)
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
  cases = FinishedCases(outputs)
  cases.add("a", ONE)
  assert not cases.is_current("a", dataclasses.replace(ONE, **change))
  assert cases.is_current("a", dataclasses.replace(ONE, input="moved/a.nii", seconds=0, organs={}))


def test_an_output_that_was_edited_is_not_finished(outputs):
  cases = FinishedCases(outputs)
  cases.add("a", ONE)
  (outputs.folder / "a.nii.gz").write_bytes(b"by hand")
  assert not cases.is_current("a", ONE)


def test_cases_of_other_organs_and_without_files_are_forgotten(outputs):
  cases = FinishedCases(outputs)
  cases.add("a", ONE)
  cases.add("b", dataclasses.replace(ONE, files=("b.nii.gz",)))
  cases.keep(("liver",))
  assert list(cases) == ["a"] and len(cases) == 1
  cases.keep(("spleen",))
  assert not cases


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', json.dumps({"a": {"input": "x"}})])
def test_a_damaged_record_counts_as_none(outputs, content):
  (outputs.folder / PREDICTIONS).write_text(content)
  assert not FinishedCases(outputs)


def test_the_hash_of_a_scan_is_that_of_all_its_files(tmp_path):
  def hash_of(name):
    return scan_sha256(tmp_path / name)

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
