"""Left and right: who lies right passes, who is mirrored does not, whatever organs are labelled."""

import dataclasses

import pytest

from data.guards.sides import check_sides
from tests.data.guards.patients import mirrored, patient, with_organ

ONE_SIDED = ["liver", "spleen", "right kidney", "left kidney", "right adrenal gland", "left adrenal gland"]


@pytest.mark.parametrize("organs", [(), *[(organ,) for organ in ONE_SIDED], ("pancreas",)])
def test_a_patient_passes(organs):
  assert check_sides(patient(*organs)) == []


@pytest.mark.parametrize("organs", [*[(organ,) for organ in ONE_SIDED], ("liver", "spleen")])
def test_a_mirrored_patient_does_not(organs):
  findings = check_sides(mirrored(patient(*organs), axis=0))
  assert len(findings) == 1 and findings[0].severe and findings[0].guard == "side"
  assert organs[0] in findings[0].line


def test_swapped_kidneys_are_found_though_all_else_is_right():
  here = patient()
  left, right = (here.organs[f"{side} kidney"].centre_mm for side in ("left", "right"))
  swapped = with_organ(with_organ(here, "right kidney", centre_mm=left), "left kidney", centre_mm=right)
  lines = [finding.line for finding in check_sides(swapped)]
  assert any(
    "right kidney lies 125 mm to the patient's left of the left kidney" in line for line in lines
  )  # 65 + 60


def test_the_middle_of_the_body_counts_and_not_that_of_the_world():
  here = patient("liver")
  assert (
    check_sides(dataclasses.replace(here, body=dataclasses.replace(here.body, centre_mm=(69.0, 0, 0)))) == []
  )
  (finding,) = check_sides(
    dataclasses.replace(here, body=dataclasses.replace(here.body, centre_mm=(75.0, 0, 0)))
  )
  assert "liver lies 5 mm left of the body's middle" in finding.line


def test_an_adrenal_gland_below_its_kidney():
  low = with_organ(patient(), "left adrenal gland", centre_mm=(-30.0, -20.0, -50.0))
  (finding,) = check_sides(low)
  assert "left adrenal gland lies 20 mm below its kidney's middle" in finding.line
  assert check_sides(with_organ(low, "left kidney", cut=True)) == []  # what is left of it has another middle


def test_names_are_known_with_underscores():
  here = patient("liver", "spleen")
  renamed = {"Liver": here.organs["spleen"], "SPLEEN": here.organs["liver"]}
  assert len(check_sides(dataclasses.replace(here, organs=renamed))) == 1
