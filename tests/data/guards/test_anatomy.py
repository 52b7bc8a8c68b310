"""What is known of the organs of data/organs.py."""

from data.guards.anatomy import NORMS
from data.organs import BTCV_ORGANS, plain_name


def test_each_organ_has_a_norm():
  assert set(NORMS) == set(BTCV_ORGANS)


def test_names():
  names = ("Right_Kidney", "right  kidney", "kidney_right", "Kidney (R)", "right-kidney", "kidney R")
  assert {plain_name(name) for name in names} == {"right kidney"}
  assert plain_name("portal_vein_and_splenic_vein") == "portal and splenic vein"
  assert plain_name("IVC") == "inferior vena cava" and plain_name("adrenal_R") == "right adrenal gland"
  assert plain_name("lung_upper_lobe_left") == "left lung upper lobe" and plain_name("R") == "r"
