"""Every field of a manifest is checked when it is read."""

import json

import pytest

from data.input_error import InputError
from data.manifest import read_manifest


@pytest.fixture
def write(tmp_path):
  (tmp_path / "ct.nii.gz").write_bytes(b"x")
  (tmp_path / "label.nii.gz").write_bytes(b"x")

  def write_manifest(case=None, **fields):
    entry = {
      "id": "a",
      "image": "ct.nii.gz",
      "label": "label.nii.gz",
      "annotated": "all",
      "labels": {"1": "liver", "7": "spleen"},
      **(case or {}),
    }
    content = {"organs": ["liver", "spleen"], "cases": [entry], **fields}
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path

  return write_manifest


def test_reads_a_case(write, tmp_path):
  case = read_manifest(write(case={"fold": 2})).cases[0]
  assert (case.id, case.annotated, case.values, case.fold) == (
    "a",
    ("liver", "spleen"),
    {1: "liver", 7: "spleen"},
    2,
  )
  assert case.image == tmp_path / "ct.nii.gz"


def test_annotating_every_organ_equals_all(write):
  assert read_manifest(write(case={"annotated": ["spleen", "liver"]})).cases[0].annotated == (
    "liver",
    "spleen",
  )


def test_an_unlabelled_case_needs_no_label(write):
  case = read_manifest(write(case={"annotated": [], "label": None})).cases[0]
  assert case.label is None and case.annotated == ()


def test_values_default_to_the_organs_places(write):
  path = write()
  content = json.loads(path.read_text())
  del content["cases"][0]["labels"]
  path.write_text(json.dumps(content))
  assert read_manifest(path).cases[0].values == {1: "liver", 2: "spleen"}


def test_unknown_keys_are_ignored(write):
  assert read_manifest(write(name="mine", case={"scanner": "x"})).cases[0].id == "a"


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
    ({"labels": {"x": "liver"}}, "x"),
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


@pytest.mark.parametrize(
  "fields, says",
  [
    ({"organs": []}, "organs"),
    ({"organs": "liver"}, "organs"),
    ({"organs": ["liver", "liver"]}, "more than once"),
    ({"organs": ["background"]}, "background"),
    ({"organs": [f"o{i}" for i in range(255)]}, "254"),
    ({"cases": []}, "cases"),
    ({"cases": {}}, "cases"),
    ({"cases": ["a"]}, "object"),
  ],
)
def test_a_wrong_manifest_is_named(write, fields, says):
  with pytest.raises(InputError, match=says):
    read_manifest(write(**fields))


def test_an_id_twice(write):
  path = write()
  content = json.loads(path.read_text())
  path.write_text(json.dumps({**content, "cases": content["cases"] * 2}))
  with pytest.raises(InputError, match='"a" stands twice'):
    read_manifest(path)


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
