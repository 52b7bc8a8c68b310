"""The default list is BTCV's, in its order; names become tags."""

import pathlib

import pytest

from data.organs import BACKGROUND, BTCV_ORGANS, IGNORE, is_organ_name, tag


def test_the_order_is_btcvs():
  assert len(BTCV_ORGANS) == len(set(BTCV_ORGANS)) == 13
  values = {1 + index: organ for index, organ in enumerate(BTCV_ORGANS)}
  assert (values[1], values[2], values[3], values[6], values[13]) == (
    "spleen",
    "right kidney",
    "left kidney",
    "liver",
    "left adrenal gland",
  )


def test_ignore_is_no_organs_value_and_background_no_organs_name():
  assert len(BTCV_ORGANS) < IGNORE == 255 and BACKGROUND not in BTCV_ORGANS


def test_tags_have_no_spaces_and_stay_apart():
  assert tag("portal and splenic vein") == "portal_and_splenic_vein"
  assert len({tag(organ) for organ in BTCV_ORGANS}) == 13


@pytest.mark.parametrize("organ", ["../../etc/passwd", "..", ".hidden", "liver/left", "a\\b", "/root"])
def test_no_name_leads_out_of_a_folder_or_hides(organ):
  assert pathlib.Path(f"{tag(organ)}.nii.gz").name == f"{tag(organ)}.nii.gz"
  assert not tag(organ).startswith(".")


def test_what_can_be_an_organ():
  for name in ("liver", "Leber (ganz)", "肝臓", "<b>liver</b>", "a" * 100):
    assert is_organ_name(name)
  for name in ("", "  ", "a" * 101, "two\nlines", "\x1b[31mred", "nul\0", "\ud800", 3, None, ["liver"]):
    assert not is_organ_name(name)
