"""The picture of a part: what it shows where, and that a colour needs a test."""

import pytest

from deeplab_panns.evidence import plot_style
from deeplab_panns.study.gain_figure import colour, draw, draw_doses, draw_sizes
from deeplab_panns.study.gains import Gain
from deeplab_panns.study.plan import DosePoint, SizePoint
from deeplab_panns.study.summary import Compared, GainAtDose, GainAtSize


def test_a_colour_needs_a_test():
  def of(difference, p):
    return colour(Compared(Gain({1: difference}), p))

  assert of(0.1, 0.01) != of(-0.1, 0.01)
  assert of(0.1, None) == of(-0.1, None) == of(0.1, 0.2) not in (of(0.1, 0.01), of(-0.1, 0.01))


@pytest.fixture
def axes(tiny_summary, monkeypatch):
  monkeypatch.setattr(plot_style, "png", lambda figure: figure)
  return draw(tiny_summary).axes[0]


def test_dots_are_means_and_ticks_are_seeds_in_points(axes):
  dots = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
  assert [tuple(dot) for dot in dots] == [
    (pytest.approx(-5), 0),
    (pytest.approx(10), 1),
    (pytest.approx(31), 2),
  ]
  ticks = [line.get_xdata() for line in axes.lines if line.get_marker() == "|"]
  assert list(ticks[0]) == pytest.approx([-5, -6, -4] * 2) and list(ticks[1]) == pytest.approx([10])
  assert [label.get_text() for label in axes.get_yticklabels()] == ["partial (6)", "panns (1)", "oracle (6)"]


def test_a_cell_of_one_seed_has_no_interval(axes):
  intervals = [line for line in axes.lines if line.get_linewidth() == 2.5]
  assert [line.get_ydata()[0] for line in intervals] == [0, 2]


def test_the_gap_closed_stands_beside_each_cell(axes):
  assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [
    ("gap closed", -0.9),
    ("−16 %", 0),
    ("26 %", 1),
    ("100 %", 2),
  ]


def test_it_is_a_png(tiny_summary):
  assert draw(tiny_summary).startswith(b"\x89PNG")


def at_size(series, stage1, sizes, gains):
  point = SizePoint(series, "full", "partial", stage1)
  return GainAtSize(point, dict(enumerate(sizes)), Gain(dict(enumerate(gains))))


def test_gains_against_sizes(monkeypatch):
  """Of three seeds a dot: mean size and mean gain in points, and the line of all seeds of its series."""
  monkeypatch.setattr(plot_style, "png", lambda figure: figure)
  found = [
    at_size("all", "stage1", (-0.7, -0.6, -0.5), (-0.04, -0.03, -0.02)),
    at_size("all", "stage1-24", (-0.2, -0.1, 0.0), (0.01, 0.02, 0.03)),
    at_size("third", "stage1", (-0.7, -0.6, -0.5), (0.0, 0.0, 0.0)),
  ]
  axes = draw_sizes(found).axes[0]
  dots = [line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() == "o"]
  assert dots == [pytest.approx(dot) for dot in ([-0.6, -3], [-0.1, 2], [-0.6, 0])]
  assert [text.get_text() for text in axes.texts] == ["stage1", "stage1-24"]
  legend = [text.get_text() for text in axes.get_legend().get_texts()]
  assert legend == ["all: zero at -0.30", "third: no zero"]


def test_names_of_two_sizes_close_to_each_other_stand_apart(monkeypatch):
  monkeypatch.setattr(plot_style, "png", lambda figure: figure)
  places = {"stage1-24": -0.2, "stage1-12": -0.201, "stage1": -0.7}
  found = [at_size("all", stage1, (size,), (0.01,)) for stage1, size in places.items()]
  sides = {text.get_text(): text.get_ha() for text in draw_sizes(found).axes[0].texts}
  assert sides == {"stage1": "left", "stage1-12": "right", "stage1-24": "left"}


def test_sizes_are_a_png():
  assert draw_sizes([at_size("all", "stage1", (-0.5,), (0.1,))]).startswith(b"\x89PNG")


def at_dose(series, labeled, gains):
  return GainAtDose(DosePoint(series, "full", "partial"), labeled, Gain(dict(enumerate(gains))))


def test_gains_against_doses(monkeypatch):
  """A series joins its means in the order of the doses; its seeds stand around them, beside other series."""
  monkeypatch.setattr(plot_style, "png", lambda figure: figure)
  found = [at_dose("all", 24, (0.01, 0.03)), at_dose("all", 3, (-0.02,)), at_dose("few", 3, (0.04,))]
  axes = draw_doses(found).axes[0]
  lines = [line for line in axes.lines if line.get_marker() == "o"]
  assert [line.get_ydata().tolist() for line in lines] == [pytest.approx([-2, 2]), pytest.approx([4])]
  assert [round(x) for x in lines[0].get_xdata()] == [3, 24]
  assert lines[0].get_xdata()[0] < 3 < lines[1].get_xdata()[0]
  seeds = [line.get_ydata().tolist() for line in axes.lines if line.get_marker() == "."]
  assert seeds == [pytest.approx(values) for values in ([-2], [1, 3], [4])]
  assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3", "24"]
