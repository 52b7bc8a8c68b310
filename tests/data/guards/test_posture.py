"""Upside down and back to front."""

import dataclasses

from data.guards.posture import check_posture
from tests.data.guards.patients import mirrored, patient


def test_a_patient_passes():
  assert check_posture(patient()) == []
  assert check_posture(dataclasses.replace(patient(), body=None)) == []


def test_upside_down():
  (finding,) = check_posture(mirrored(patient(), axis=2))
  assert finding.severe and "lungs lie 110 mm below the liver" in finding.line  # 150 - 40
  without_lungs = dataclasses.replace(patient(), body=dataclasses.replace(patient().body, lung_mm=None))
  assert check_posture(mirrored_but_bone(without_lungs)) == []


def mirrored_but_bone(measures):
  organs = {organ: dataclasses.replace(one, centre_mm=(0, 0, -9)) for organ, one in measures.organs.items()}
  return dataclasses.replace(measures, organs=organs)


def test_back_to_front():
  (finding,) = check_posture(mirrored(patient(), axis=1))
  assert finding.severe and "bone lies 60 mm in front" in finding.line


def test_lungs_tell_nothing_without_an_organ_that_is_large_enough():
  assert check_posture(mirrored(patient("stomach"), axis=2)) == []


def test_contrast_in_front_of_a_spine_that_lies_near_the_back_is_no_sign():
  """A litre of it is more than the bone of a scan of the lower abdomen; the spine's place says more."""
  turned = mirrored(patient(), axis=1)
  for gaps, count in (((25.0, 40.0), 0), ((45.0, 36.0), 0), ((100.0, 30.0), 1)):
    body = dataclasses.replace(turned.body, bone_gaps_mm=gaps)
    assert len(check_posture(dataclasses.replace(turned, body=body))) == count
