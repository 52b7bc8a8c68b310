"""Numbers as text: rounding at the edges, signs, and what is undefined."""

import math

import numpy as np
import pytest

from deeplab_panns.evidence import number_text
from deeplab_panns.evidence.number_text import NONE


@pytest.mark.parametrize("text", [number_text.percent, number_text.points, number_text.millimetres])
def test_nan_is_an_empty_cell(text):
  assert text(math.nan) == text(np.float64("nan")) == NONE


def test_percent():
  assert [number_text.percent(share) for share in (0, 0.8125, 0.81249, 1)] == ["0.0", "81.2", "81.2", "100.0"]


def test_points_are_always_signed_and_the_minus_is_no_hyphen():
  assert [number_text.points(value) for value in (0.012, -0.012, 0.0)] == ["+1.2", "−1.2", "+0.0"]


def test_whole_percent_has_no_negative_zero():
  assert [number_text.whole_percent(share) for share in (-0.004, 0.004, -0.126, 1.5)] == [
    "0",
    "0",
    "−13",
    "150",
  ]


def test_shares_far_below_one_percent_keep_three_digits():
  assert [number_text.percent_to_3_digits(share) for share in (0.000123456, 0.02, 0.5)] == [
    "0.0123",
    "2",
    "50",
  ]


@pytest.mark.parametrize("sd", [None, math.nan])
def test_a_mean_without_sd_stands_alone(sd):
  assert number_text.percent_and_sd(0.5, sd) == "50.0"
  assert number_text.percent_and_sd(0.5, 0.031) == "50.0 ± 3.1"


def test_intervals():
  assert number_text.points_interval((-0.003, 0.021), "too few") == "−0.3 to +2.1"
  assert number_text.points_interval(None, "too few") == "too few"
  assert number_text.ratio_interval((0.8666, 1.2)) == "0.87 to 1.20"
  assert number_text.ratio_interval(None) == "-"


@pytest.mark.parametrize(
  ("p", "text", "stars"),
  [
    (None, NONE, ""),
    (0.0, "< .001", "***"),
    (0.00099, "< .001", "***"),
    (0.001, ".001", "**"),
    (0.0099, ".010", "**"),  # a star follows p itself, not p as it is rounded
    (0.0499, ".050", "*"),
    (0.05, ".050", ""),
    (0.9994, ".999", ""),
    (0.9995, "1", ""),
    (1.0, "1", ""),
  ],
)
def test_p_values_and_their_stars(p, text, stars):
  assert (number_text.p_value(p), number_text.stars(p)) == (text, stars)


def test_dice_as_a_share():
  assert [number_text.dice_share(value) for value in (None, 1, 0.81256)] == ["undefined", "1.0000", "0.8126"]


def test_volumes_and_extents():
  assert [number_text.millilitres(volume) for volume in (0, 1.2345, 99.96, 1500.4)] == [
    "0",
    "1.23",
    "100",
    "1500",
  ]
  assert number_text.extent((300.4, 240, 239.6)) == "300 x 240 x 240 mm"


def test_ratios():
  assert (number_text.ratio(1.005), number_text.factor(0.456), number_text.factor(12.3)) == (
    "1.00",
    "0.46",
    "12",
  )


def test_count_in_singular_and_plural():
  assert [number_text.count(n, "case") for n in (0, 1, 2)] == ["0 cases", "1 case", "2 cases"]


@pytest.mark.parametrize("number", [1 / 3, np.float64(1 / 3), 1e-300, 0.1 + 0.2])
def test_every_digit_reads_back_as_the_same_number(number):
  assert float(number_text.every_digit(number)) == number


def test_ten_digits_hide_the_order_of_summing():
  assert number_text.ten_digits(0.1 + 0.2) == number_text.ten_digits(0.3) == "0.3"
  assert number_text.ten_digits(2 / 3) == "0.6666666667"


@pytest.mark.parametrize("text", [number_text.every_digit, number_text.ten_digits])
def test_csv_fields_without_a_fraction(text):
  assert [text(value) for value in (None, "", "liver", 12, 10**12)] == [
    "",
    "",
    "liver",
    "12",
    "1000000000000",
  ]
  assert text(math.nan) == "nan"
