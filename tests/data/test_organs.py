"""The default list is BTCV's, in its order; names become tags."""

from data.organs import BACKGROUND, BTCV_ORGANS, IGNORE, tag


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
