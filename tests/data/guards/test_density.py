"""HU in the organs."""

import dataclasses

import pytest

from data.guards.density import check_density
from tests.data.guards.patients import patient, with_organ


def test_a_patient_passes():
  assert check_density(patient()) == []


def test_scans_without_contrast_pass():
  plain = patient()
  # medians of a case without contrast
  for organ, hu in {"liver": 44, "spleen": 33, "right kidney": 11, "left kidney": 18, "pancreas": -6}.items():
    plain = with_organ(plain, organ, mean_hu=float(hu))
  assert check_density(plain) == []


@pytest.mark.parametrize("hu", [-24.0, 1144.0])
def test_means_that_no_liver_has(hu):
  (finding,) = check_density(with_organ(patient(), "liver", mean_hu=hu))
  assert finding.guard == "hu" and finding.severe and f"{hu:.0f} HU" in finding.line


@pytest.mark.parametrize("sd, severe", [(34, None), (84, False), (196, True), (347, True)])
def test_the_spread_in_a_mask_that_lies_beside_its_organ(sd, severe):
  findings = check_density(with_organ(patient(), "liver", sd_hu=float(sd)))
  assert [finding.severe for finding in findings] == ([] if severe is None else [severe])
  assert (
    check_density(with_organ(patient(), "left kidney", sd_hu=float(sd))) == []
  )  # cortex and pelvis differ


def test_lung_in_a_mask():
  (finding,) = check_density(with_organ(patient(), "right kidney", low_share=0.06))
  assert finding.guard == "mask" and finding.line.startswith("6% of the right kidney is below -200 HU")
  assert check_density(with_organ(patient(), "stomach", low_share=0.6)) == []  # gas is at home there


@pytest.mark.parametrize("hu, told", [(-1000.0, True), (-850.0, False), (40.0, False)])
def test_a_mask_in_air_of_an_organ_that_nothing_is_known_of(hu, told):
  one = patient()
  duodenum = dataclasses.replace(one.organs["liver"], mean_hu=hu)
  found = check_density(dataclasses.replace(one, organs={**one.organs, "duodenum": duodenum}))
  assert [finding.guard for finding in found] == ["mask"] * told
  assert not told or ("the duodenum has -1000 HU" in found[0].line and not found[0].severe)


def test_a_few_voxels_say_nothing():
  assert check_density(with_organ(patient(), "liver", ml=0.5, mean_hu=-500.0)) == []
