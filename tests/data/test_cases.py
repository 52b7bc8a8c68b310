"""A data set for another organ list."""

import dataclasses
import pathlib

import pytest

from data.cases import Case, Manifest, with_organs
from data.input_error import InputError

CASE = Case(
  "a", pathlib.Path("ct.nii.gz"), pathlib.Path("label.nii.gz"), ("liver", "spleen"), {1: "liver", 7: "spleen"}
)
MANIFEST = Manifest(pathlib.Path("dataset.json"), ("liver", "spleen"), (CASE,))


def test_organs_that_are_not_on_the_list_become_background():
  fewer = with_organs(MANIFEST, ("liver",))
  assert fewer.organs == ("liver",) == fewer.cases[0].annotated
  assert fewer.cases[0].values == {1: "liver"} and fewer.cases[0].background == {7}


def test_organs_of_the_new_list_alone_are_unknown():
  more = with_organs(MANIFEST, ("thyroid", "liver", "spleen"))
  assert more.cases[0].annotated == ("liver", "spleen") and more.cases[0].background == frozenset()


def test_an_organ_is_on_the_list_under_whatever_name():
  """It lost its annotation to "no case annotates left kidney"."""
  case = dataclasses.replace(
    CASE, annotated=("kidney_left",), values={1: "kidney_left"}, names={"K": "kidney_left"}
  )
  listed = dataclasses.replace(MANIFEST, organs=("kidney_left",), cases=(case,))
  (found,) = with_organs(listed, ("liver", "left kidney")).cases
  assert found.annotated == ("left kidney",) and found.values == {1: "left kidney"}
  assert found.names == {"K": "left kidney"} and not found.background


def test_a_list_of_which_no_case_annotates_an_organ_is_refused():
  with pytest.raises(InputError, match="no case annotates any of thyroid"):
    with_organs(MANIFEST, ("thyroid",))


def test_what_is_no_longer_on_the_list_is_told_and_a_tumour_counts_nowhere():
  """It lies in its organ, which would have a hole of background."""
  values = {1: "liver", 2: "liver cancer", 3: "duodenum"}
  case = dataclasses.replace(CASE, annotated=tuple(values.values()), values=values)
  listed = dataclasses.replace(MANIFEST, organs=tuple(values.values()), cases=(case,))
  found = with_organs(listed, ("liver", "spleen"))
  assert found.cases[0].values == {1: "liver"}
  assert found.cases[0].ignored == {2} and found.cases[0].background == {3}
  assert found.notes == (
    "not on the list of organs, background now: duodenum",
    "not on the list of organs, and within one, so that it counts nowhere: liver cancer",
  )
  assert with_organs(listed, tuple(values.values())).notes == ()
