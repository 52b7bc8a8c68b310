"""The flags of a cohort: what they become, and what does not go together."""

import types

import pytest
from absl import flags

from data.synthetic.cohort import PartialCases
from data.synthetic.cohort_flags import cohort_from_flags

ORGANS = ("spleen", "right kidney", "liver")


def args(**changes):
  values = {
    "labeled_cases": 3,
    "partial_cases": 4,
    "test_cases": 2,
    "seed": 7,
    "organs_per_partial_case": 2,
    "annotated": [],
    "annotated_in_turn": [],
    "oracle": False,
    "partial_fields": ["full"],
  }
  return types.SimpleNamespace(**{**values, **changes})


def test_every_flag_arrives():
  cohort = cohort_from_flags(
    args(annotated_in_turn=["liver", "spleen"], oracle=True, partial_fields=["upper", "right_kidney_box"]),
    ORGANS,
  )
  assert (cohort.labeled_cases, cohort.partial_cases, cohort.test_cases, cohort.seed) == (3, 4, 2, 7)
  assert cohort.organs == ORGANS
  assert cohort.partial == PartialCases(2, (), ("liver", "spleen"), True, ("upper", "right_kidney_box"))
  assert cohort_from_flags(args(annotated=["liver"]), ORGANS).partial.annotated == ("liver",)


@pytest.mark.parametrize(
  "wrong, message",
  [
    ({"annotated": ["liver", "splen"]}, r"^--annotated: .*'splen'.*spleen, right kidney, liver"),
    ({"annotated_in_turn": ["splen"]}, r"^--annotated_in_turn: .*'splen'"),
    ({"annotated": ["liver"], "annotated_in_turn": ["liver"]}, "give one of them"),
    ({"organs_per_partial_case": 4}, r"^--organs_per_partial_case=4: must be in \[0, 3\]"),
    ({"labeled_cases": 0, "partial_cases": 0, "test_cases": 0}, "no cases"),
    ({"partial_fields": ["full", "lung_box"]}, "^--partial_fields: .*'lung_box'"),
  ],
)
def test_flags_that_do_not_go_together(wrong, message):
  with pytest.raises(flags.Error, match=message):
    cohort_from_flags(args(**wrong), ORGANS)
