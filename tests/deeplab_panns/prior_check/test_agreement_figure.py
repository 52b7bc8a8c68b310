"""The picture: what is written and drawn in it, read from the figure."""

import numpy as np
import pytest

from deeplab_panns.evidence import plot_style
from deeplab_panns.prior_check import agreement_figure, check
from tests.deeplab_panns.prior_check.patients import case, checked, patients


@pytest.fixture
def drawn(monkeypatch):
  """A function that draws a check and gives back the matplotlib figure."""

  def draw(found):
    figures = []
    png = plot_style.png
    monkeypatch.setattr(plot_style, "png", lambda figure: figures.append(figure) or png(figure))
    assert agreement_figure.draw(found).startswith(b"\x89PNG")
    return figures[0]

  return draw


def texts(figure):
  return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_ratio_of_what_fails_and_number_of_cases_without_the_organ(drawn):
  rng = np.random.default_rng(9)
  full = patients(rng, 8)
  partial = [*patients(rng, 8, ("liver",), depth=300), case("gone", ("liver",))]
  found = check.check(*checked(full, partial))
  figure = drawn(found)
  (agreement,) = found.agreements
  assert sorted(texts(figure)) == sorted([f"{agreement.ratio:.2g}×", "1 without"])
  legend = [text.get_text() for text in figure.legends[0].get_texts()]
  assert legend == [
    "fully labelled, n = 8",
    "liver, n = 9",
    "q (band: within a factor of 1.5)",
    "does not hold: times q",
  ]


def test_what_agrees_has_no_ratio_and_the_line_is_the_prior(drawn):
  full = [
    case(f"f{n}", ("liver", "spleen", "pancreas"), liver=1000, spleen=50, pancreas=10) for n in range(6)
  ]
  figure = drawn(check.check(*checked(full, [case(f"p{n}", ("liver",), liver=1000) for n in range(6)])))
  assert texts(figure) == []
  (axes,) = figure.axes
  lines = [line.get_ydata() for line in axes.lines if line.get_color() == "black" and len(line.get_ydata())]
  np.testing.assert_allclose(lines, [[0.1, 0.1], [0.005, 0.005], [0.001, 0.001]])  # in % of 10^6 voxels
  assert axes.get_yscale() == "log" and "share of scan in %" in axes.get_ylabel()


def test_many_sets_break_the_organs_into_rows_of_equal_length(drawn, monkeypatch):
  monkeypatch.setattr(agreement_figure, "_MAX_COLUMNS_A_ROW", 4)  # two organs a row of two sets
  rng = np.random.default_rng(1)
  figure = drawn(check.check(*checked(patients(rng, 6), patients(rng, 6, ("liver",)))))
  assert [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes] == [
    ["liver", "spleen"],
    ["pancreas"],
  ]
