"""Volumes: possible, usual, cut, none."""

import pytest

from data.guards.anatomy import NORMS
from data.guards.volumes import check_empty, check_volumes
from tests.data.guards.patients import patient, with_organ


def test_a_patient_passes():
  assert check_volumes(patient()) == []


@pytest.mark.parametrize("ml, severe", [(299, True), (301, False), (2600, False), (6001, True)])
def test_a_liver_that_is_small_or_large(ml, severe):
  (finding,) = check_volumes(with_organ(patient(), "liver", ml=float(ml)))
  assert finding.severe == severe and f"the liver has {ml} mL" in finding.line


@pytest.mark.parametrize("ml, findings", [(0.1, 0), (6001, 1)])
def test_an_organ_that_is_cut_is_never_severe(ml, findings):
  found = check_volumes(with_organ(patient(), "liver", ml=ml, cut=True))
  assert len(found) == findings and not any(finding.severe for finding in found)


def test_the_ranges_hold_one_another():
  for norm in NORMS.values():
    assert norm.hard_ml[0] <= norm.seen_ml[0] < norm.seen_ml[1] <= norm.hard_ml[1]


def test_an_organ_may_be_gone_and_a_label_map_may_not_be_empty():
  assert check_empty(patient("liver", absent=["gallbladder"])) == []
  measures = patient("liver", absent=["gallbladder"])
  (finding,) = check_empty(type(measures)({}, ("liver", "gallbladder"), measures.body))
  assert finding.severe and finding.guard == "empty"
  assert check_empty(type(measures)({}, (), None)) == []  # an unlabelled case
