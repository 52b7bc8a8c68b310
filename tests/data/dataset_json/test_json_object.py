"""A manifest that is no JSON, or has keys that it should not have."""

import pytest

from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError


def test_unknown_keys_are_ignored(write):
  assert read_manifest(write(name="mine", case={"scanner": "x"})).cases[0].id == "a"


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_not_json(tmp_path, text):
  path = tmp_path / "dataset.json"
  path.write_text(text)
  with pytest.raises(InputError, match=r"dataset\.json"):
    read_manifest(path)


def test_missing_file_and_folder(tmp_path):
  with pytest.raises(InputError, match="no such file"):
    read_manifest(tmp_path / "none.json")
  with pytest.raises(InputError, match="is a folder"):
    read_manifest(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_manifest(write):
  path = write()
  path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
  assert read_manifest(path).organs == ("liver", "spleen")


def test_keys_that_are_not_used_are_noted_and_remarks_are_not(write):
  path = write(case={"patient_sex": "F", "comment": "x"}, name="my data", scanner="A")
  notes = read_manifest(path).notes
  assert (
    len(notes) == 2
    and "not used: scanner" in notes[0]
    and "of cases that are not used: patient_sex" in notes[1]
  )
