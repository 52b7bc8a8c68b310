"""The order of repetitions and what is made of their seconds; no test decides how fast anything is."""

import pytest

from deeplab_panns.benchmark.measures import Measure
from deeplab_panns.benchmark.timing import as_text, ratios, result, time_in_turns


def test_measures_take_turns_and_the_first_two_rounds_do_not_count():
  order = []
  measures = [Measure(name, lambda name=name: order.append(name), {}) for name in "ab"]
  seconds = time_in_turns(measures, 3)
  assert "".join(order) == "ab" * 5 and [len(kept) for kept in seconds] == [3, 3]
  ticks = iter(range(100))
  assert time_in_turns(measures[:1], 2, lambda: next(ticks) ** 2) == [[3**2 - 2**2, 5**2 - 4**2]]


def test_a_result_by_hand():
  line = result(Measure("one", print, {"multiply_accumulates": 500_000_000}), [0.4, 0.2, 0.9], threads=2)
  assert (line["minimum_s"], line["median_s"], line["repeats"], line["threads"]) == (0.2, 0.4, 3, 2)
  assert line["spread_s"] == pytest.approx(0.7) and line["seconds_per_forward_gmac"] == pytest.approx(0.4)
  pipeline = result(Measure("pipeline2d", print, {"examples": 100}), [0.4, 0.2, 0.9], threads=2)
  assert pipeline["examples_per_s"] == pytest.approx(250)
  assert ratios([pipeline]) == ["pipeline2d: 250 examples/s (median)"]
  assert ratios([{**pipeline, "clock": "processor"}]) == ["pipeline2d: 250 examples/processor s (median)"]
  assert "seconds_per_forward_gmac" not in result(Measure("one", print, {}), [0.4], threads=2)


def test_ratios_by_hand():
  lines = ratios(
    [
      {"measure": "panns step", "minimum_s": 1.1},
      {"measure": "supervised step", "minimum_s": 1.0},
      {"measure": "sliding_window volume", "minimum_s": 10.0, "windows": 8},
      {"measure": "one window", "minimum_s": 1.2},
    ]
  )
  assert lines == [
    "panns step / supervised step: 1.100 (minima)",
    "windowing: 4.0 % of the time of 8 windows (minima)",
  ]


def test_the_columns_stand_below_their_headings():
  times = {"minimum_s": 1.0, "median_s": 2.0, "spread_s": 0.5}
  network = {"parameters": 1_234_567, "multiply_accumulates": 2_500_000_000}
  header, plain, counted = as_text(
    [{"measure": "metrics", **times}, {"measure": "step", **times, **network}]
  ).splitlines()
  assert plain.split() == ["metrics", "1.0000", "2.0000", "0.5000", "-", "-"]
  assert counted.split() == ["step", "1.0000", "2.0000", "0.5000", "1,234,567", "2.50"]
  assert len(header) == len(plain) == len(counted)
