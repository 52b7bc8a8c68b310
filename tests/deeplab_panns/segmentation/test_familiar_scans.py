"""A scan is compared with what training saw: within the factors it is familiar, beyond them it is named."""

import pytest

from data.input_error import InputError
from deeplab_panns.segmentation.familiar_scans import (
  ranges_of_training,
  require_ranges,
  seen_by_all,
  unfamiliar,
)

RANGES = {"extent_mm": [[100, 300, 320], [600, 400, 500]], "spacing_mm": [[1, 0.7, 0.7], [5, 1, 1]]}
OWN = (None, None, None)


@pytest.mark.parametrize("pixels", [250, 480])  # 0.8 mm: 200 and 384 mm; allowed are 192 to 640
def test_a_scan_within_the_factors_is_familiar_however_long_it_is(pixels):
  for shape, thickness in (((400, pixels, pixels), 5.0), ((1, pixels, pixels), 20.0)):
    assert unfamiliar(shape, (thickness, 0.8, 0.8), RANGES) is None


def test_a_header_of_half_the_size_is_named_with_what_training_saw():
  assert unfamiliar((100, 400, 400), (1.0, 0.4, 0.4), RANGES) == (
    "the slices measure 160 x 160 mm, in training 300 x 320 to 400 x 500; the pixels measure 0.4 x 0.4 mm, "
    "in training 0.7 x 0.7 to 1 x 1. The labels may be wrong; check the spacing in the header."
  )


@pytest.mark.parametrize("side, familiar", [(179, False), (181, True), (639, True), (641, False)])
def test_the_limits_hold_for_each_axis_of_the_slice(side, familiar):
  ranges = {"extent_mm": [[1, 300, 300], [1, 400, 400]]}
  for shape in ((5, side, 350), (5, 350, side)):
    assert (unfamiliar(shape, (1.0, 1.0, 1.0), ranges) is None) == familiar


def test_a_scan_is_unfamiliar_to_an_ensemble_as_to_its_strictest_member_in_any_order():
  one = {"extent_mm": [[1, 300, 300], [1, 400, 400]], "spacing_mm": [[1, 0.7, 0.7], [5, 0.9, 0.9]]}
  other = {"extent_mm": [[1, 320, 280], [1, 500, 390]]}
  for ranges in ([one, other, {}], [{}, other, one]):
    together = seen_by_all(ranges)
    assert together == {"extent_mm": [[1, 320, 300], [1, 400, 390]], "spacing_mm": one["spacing_mm"]}
    assert "the pixels measure 3 x 3 mm" in unfamiliar((9, 120, 120), (3.0, 3.0, 3.0), together)
  assert seen_by_all([{}, {}]) == {}


def test_old_runs_say_nothing_and_warn_of_nothing():
  assert unfamiliar((5, 5, 5), (90.0, 90.0, 90.0), ranges_of_training("data.json", {}, OWN)) is None


def test_pixels_are_not_compared_where_the_input_is_resampled():
  """A store of 3 mm: scans of 0.7 mm are as good."""
  ranges = {"extent_mm": [[300, 300, 300]] * 2, "spacing_mm": [[3, 3, 3]] * 2}
  kept = ranges_of_training("data.json", ranges, (None, 3.0, 3.0))
  assert unfamiliar((100, 430, 430), (1.0, 0.7, 0.7), kept) is None
  kept = ranges_of_training("data.json", ranges, (3.0, None, None))
  assert "the pixels measure 0.7 x 0.7 mm, in training 3 x 3." in unfamiliar(
    (100, 430, 430), (1.0, 0.7, 0.7), kept
  )


@pytest.mark.parametrize("content", [None, 3, {"extent_mm": [[1, 2, 3]]}, {"spacing_mm": [["a"] * 3] * 2}])
def test_damaged_ranges_are_one_line(content):
  with pytest.raises(InputError, match=r"^RUN/data\.json: the ranges of the scans in training are damaged;"):
    require_ranges("RUN/data.json", content)
