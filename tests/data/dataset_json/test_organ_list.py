"""The organ list: names that cannot be mistaken for one another."""

import pytest

from data.dataset_json.manifest_file import read_manifest
from data.dataset_json.organ_list import checked_organs, read_organs
from data.input_error import InputError


def test_the_organ_list_of_a_manifest(write):
  path = write()
  assert read_organs(path) == read_manifest(path).organs


def test_accents_are_one_letter_however_they_are_written(write):
  composed, apart = "Ösophagus", "O\u0308sophagus"
  labels = {"labels": {"1": apart, "7": "spleen"}}
  for organs, annotated in (([composed, "spleen"], [apart]), ([apart, "spleen"], [composed])):
    case = read_manifest(write(case={**labels, "annotated": annotated}, organs=organs)).cases[0]
    assert case.annotated == (composed,) and case.values[1] == composed
  with pytest.raises(InputError, match="more than once"):
    read_manifest(write(organs=[composed, apart]))


@pytest.mark.parametrize("other", ["Liver", "liver ", "LIVER_"])
def test_organs_that_differ_by_nothing_that_is_seen(write, other):
  with pytest.raises(InputError, match=r'"organs" names "liver" and .* name one of them'):
    read_manifest(write(organs=["liver", other, "spleen"]))


@pytest.mark.parametrize(
  "organs, says",
  [
    (["Background", "liver"], "which is no organ: background is always class 0, and the list counts from 1"),
    (["liver", "ignore"], 'names "ignore", which is no organ'),
    (["left kidney", "kidney_left"], "are two names of one organ"),
    (["inferior vena cava", "postcava"], "are two names of one organ"),
  ],
)
def test_names_that_are_no_organ_or_another_name_of_one(organs, says):
  with pytest.raises(InputError, match=says):
    checked_organs("m.json", organs)
