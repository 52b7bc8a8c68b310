"""Cases that do not go together, and fields with two readings."""

import json

import pytest

from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError


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


def write_text(path, text):
  path.write_text(text, encoding="utf-8")
  return path


@pytest.mark.parametrize(
  "old, new, said",
  [
    ('"1": "liver"', '"1": "liver", "1": "spleen"', 'the key "1" stands twice'),
    (
      '"1": "liver"',
      '"1": "liver", "01": "spleen"',
      '"labels" names the value 1 twice, the second time as "01"',
    ),
    ('"1": "liver"', '"1": "liver", "001": null', "names the value 1 twice"),
    ('"image":', '"image": "other.nii.gz", "image":', 'the key "image" stands twice in case "a"'),
    ('"labels":', '"lables":', 'case "a": has the key "lables", which is not known; is "labels" meant?'),
    ('"cases":', '"case":', 'has the key "case", which is not known; is "cases" meant?'),
    ('"annotated":', '"anotated":', 'is "annotated" meant?'),
    ('"1": "liver"', '"1": "livr"', 'maps 1 to "livr".*A value that is not wanted maps to null'),
    ('"1": "liver"', '"9999999999": "liver"', "values are whole numbers"),
  ],
)
def test_what_could_be_read_in_two_ways_is_refused(write, old, new, said):
  path = write()
  text = path.read_text()
  assert old in text
  with pytest.raises(InputError, match=said) as error:
    read_manifest(write_text(path, text.replace(old, new, 1)))
  assert len(str(error.value)) <= 300 + len(str(path))


def test_labels_stand_once_at_the_top_and_a_case_may_have_its_own(write):
  case = {"labels": None}
  path = write(case=case)
  content = json.loads(path.read_text())
  own = {**content["cases"][0], "id": "b", "labels": {"3": "liver"}, "annotated": ["liver"]}
  del content["cases"][0]["labels"]
  content["cases"].append(own)
  content["labels"] = {"4": "spleen", "5": "liver", "9": "background"}
  first, second = read_manifest(write_text(path, json.dumps(content))).cases
  assert first.values == {4: "spleen", 5: "liver"} and first.background == {9}
  assert second.values == {3: "liver"} and second.background == frozenset()


def two_cases(write, first, second, **fields):
  path = write(case=first, **fields)
  content = json.loads(path.read_text(encoding="utf-8"))
  content["cases"].append({**content["cases"][0], "id": "b", **second})
  path.write_text(json.dumps(content), encoding="utf-8")
  return path


def test_ids_that_are_one_folder_where_capitals_do_not_count(write):
  with pytest.raises(InputError, match=r'the id "A1" differs from "a1" by capitals alone'):
    read_manifest(two_cases(write, {"id": "a1"}, {"id": "A1"}))
  with pytest.raises(InputError, match="at most 200 letters"):
    read_manifest(write(case={"id": "a" * 201}))


@pytest.mark.parametrize("first, second", [("P1", "p1"), (1, "01"), ("1", "001"), ("Ü", "u\u0308")])
def test_patients_who_may_be_one(write, first, second):
  with pytest.raises(InputError, match="is it one patient"):
    read_manifest(two_cases(write, {"patient": first}, {"patient": second}))


def test_patients_who_are_others_and_spaces(write):
  cases = read_manifest(two_cases(write, {"patient": "p  1 "}, {"patient": "p 1"})).cases
  assert cases[0].patient == cases[1].patient == "p 1"
  read_manifest(two_cases(write, {"patient": "10"}, {"patient": "1"}))
  with pytest.raises(InputError, match='"patient" is blank'):
    read_manifest(write(case={"patient": " "}))


@pytest.mark.parametrize(
  "key, way",
  [("channel_names", "or prepare it by --layout=nnunet_raw"), ("modality", "or"), ("training", "")],
)
def test_the_dataset_json_of_other_programs(tmp_path, key, way):
  path = tmp_path / "dataset.json"
  path.write_text(json.dumps({"labels": {"liver": 1}, key: {"0": "CT"}}))
  with pytest.raises(InputError, match=rf"python -m data\.manifest ?{way}.*\.$") as caught:
    read_manifest(path)
  assert ("nnunet_raw" in str(caught.value)) == bool(way)
