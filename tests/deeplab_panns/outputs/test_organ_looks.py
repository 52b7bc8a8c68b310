"""Codes and colours: complete for the 13 organs of BTCV, and never one colour for two organs."""

import itertools

import pytest
from pydicom.sr.codedict import codes

from data.organs import BTCV_ORGANS
from deeplab_panns.outputs.organ_looks import PRIVATE_SCHEME, not_coded, organ_looks


def test_every_organ_of_btcv_has_a_code_and_left_and_right_differ():
  looks = organ_looks(BTCV_ORGANS)
  assert [look.name for look in looks] == list(BTCV_ORGANS) and not not_coded(looks)
  assert all(look.is_coded and look.code.scheme == "SCT" for look in looks)
  sides = {look.name: look.side.meaning for look in looks if look.side}
  assert sides == {
    f"{side} {organ}": side.capitalize()
    for side in ("left", "right")
    for organ in ("kidney", "adrenal gland")
  }
  assert len({(look.code, look.side) for look in looks}) == 13


@pytest.mark.parametrize(
  "organ, keyword",
  [
    ("spleen", "Spleen"),
    ("left kidney", "Kidney"),
    ("gallbladder", "Gallbladder"),
    ("esophagus", "Esophagus"),
    ("liver", "Liver"),
    ("stomach", "Stomach"),
    ("aorta", "Aorta"),
    ("inferior vena cava", "InferiorVenaCava"),
    ("pancreas", "Pancreas"),
    ("right adrenal gland", "AdrenalGland"),
  ],
)
def test_the_codes_are_those_of_pydicoms_dictionary(organ, keyword):
  """Compiled from DICOM PS3.16 by others."""
  assert getattr(codes.SCT, keyword).value == organ_looks([organ])[0].code.value
  assert codes.SCT.Left.value == organ_looks(["left kidney"])[0].side.value


def test_other_organs_have_private_codes_and_colours_of_their_own():
  looks = organ_looks([*BTCV_ORGANS, *(f"organ {number}" for number in range(20))])
  assert not_coded(looks).startswith("no SNOMED CT code is known here for organ 0, organ 1, organ 2 and 17")
  assert {look.code.scheme for look in looks[13:]} == {PRIVATE_SCHEME}
  assert looks[13].code.value == "organ_0" and looks[13].side is None
  for one, other in itertools.combinations(looks[9:], 2):  # of the known ones two blues are near each other
    assert sum(abs(a - b) for a, b in zip(one.rgb, other.rgb)) > 12, (one, other)


def test_a_colour_does_not_depend_on_the_organs_that_have_theirs():
  assert organ_looks(["liver", "duodenum"])[1] == organ_looks(["duodenum", "spleen"])[0]
