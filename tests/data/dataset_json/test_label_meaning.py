"""What label values and names mean, where that has one reading."""

import json

import pytest

from data.dataset_json.label_meaning import label_meaning
from data.dataset_json.manifest_file import read_manifest
from data.input_error import InputError


def test_annotating_every_organ_equals_all(write):
  assert read_manifest(write(case={"annotated": ["spleen", "liver"]})).cases[0].annotated == (
    "liver",
    "spleen",
  )


def test_values_default_to_the_organs_places(write):
  path = write()
  content = json.loads(path.read_text())
  del content["cases"][0]["labels"]
  path.write_text(json.dumps(content))
  assert read_manifest(path).cases[0].values == {1: "liver", 2: "spleen"}


def test_a_value_that_is_not_wanted_is_background(write):
  labels = {"1": "liver", "2": "spleen", "3": None, "4": "background"}
  case = read_manifest(write(case={"labels": labels})).cases[0]
  assert case.values == {1: "liver", 2: "spleen"} and case.background == {3, 4}


def test_labels_may_be_missing_only_where_that_has_one_meaning(write):
  path = write(case={"labels": None})
  found = read_manifest(path)
  assert found.cases[0].values == {1: "liver", 2: "spleen"}
  assert any('without "labels" (a)' in note for note in found.notes)
  with pytest.raises(
    InputError, match=r'annotates spleen and has no "labels", so the value 1 may be liver or spleen'
  ):
    read_manifest(write(case={"labels": None, "annotated": ["spleen"]}))
  with pytest.raises(InputError, match=r"so the value 1 may be liver or spleen"):
    read_manifest(write(case={"labels": None, "annotated": ["spleen", "liver"]}))
  both_ways = read_manifest(write(case={"labels": None, "annotated": ["liver"]})).cases[0]
  assert both_ways.values[1] == "liver" and both_ways.annotated == ("liver",)


def test_names_of_segments_and_values_to_ignore(write):
  labels = {"Leber": "liver", "Body": None, "2": "spleen", "3": "ignore"}
  case = read_manifest(write(case={"labels": labels})).cases[0]
  assert case.names == {"Leber": "liver", "Body": ""} and case.values == {2: "spleen"}
  assert case.ignored == {3} and not case.background
  with pytest.raises(InputError, match="names the value 3 twice"):
    read_manifest(write(case={"labels": {**labels, "03": "spleen"}}))


def test_zero_may_be_said_to_be_background(write):
  for background in (None, "background"):
    labels = {"0": background, "1": "liver", "7": "spleen"}
    assert read_manifest(write(case={"labels": labels})).cases[0].background == frozenset()
  with pytest.raises(InputError, match='has the value "0"'):
    read_manifest(write(case={"labels": {"0": "liver", "7": "spleen"}}))


def test_a_value_below_zero_may_count_nowhere():
  meaning = label_meaning("m", {"-1": "ignore", "1": "liver"}, ("liver",))
  assert meaning.ignored == {-1} and meaning.values == {1: "liver"}
