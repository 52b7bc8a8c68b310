"""Curves of what was logged, panel by panel."""

import dataclasses

import numpy as np
import pytest

from deeplab_panns.report.figures import learning_curves
from deeplab_panns.report.results import compared
from tests.deeplab_panns.report.conftest import FULL, scored_run

RUN = dataclasses.replace(scored_run("panns", FULL), settings={"supervision": "panns", "stage1_steps": 10})
SCALARS = {
  "loss/labeled": ((5, 10, 15), (1.0, 0.1, 0.01)),
  "learning_rate/theta": ((5, 10, 15), (3.0, 2.0, 1.0)),
  "prior/p_bar/liver": ((12, 15), (0.1, 0.9)),
  "prior/q/liver": ((12, 15), (0.1, 0.1)),
  "prior/p_bar/background": ((12, 15), (0.9, 0.0)),
  "prior/q/background": ((12, 15), (0.45, 0.45)),
}
CURVES = {"full": [], "panns": [(RUN, SCALARS)]}


def curve(axes):
  """The points of the one solid line."""
  (line,) = [line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata())]
  return line.get_xydata().tolist()


def test_there_is_a_panel_for_each_quantity_that_was_logged(figure_for_png):
  losses, rates = learning_curves.draw_training(CURVES).axes
  assert losses.get_title().startswith("J_L") and rates.get_title() == "learning rate"
  assert curve(losses) == [[5, 1.0], [10, 0.1], [15, 0.01]]
  assert (losses.get_yscale(), rates.get_yscale()) == ("log", "linear")


def test_the_start_of_stage_2_is_dotted(figure_for_png):
  for axes in learning_curves.draw_training(CURVES).axes:
    assert [list(line.get_xdata()) for line in axes.lines if line.get_linestyle() == ":"] == [[10, 10]]


def test_the_legend_names_the_methods_that_have_curves(figure_for_png):
  (legend,) = learning_curves.draw_training(CURVES).legends
  assert [text.get_text() for text in legend.get_texts()] == ["panns"]


def test_shares_are_shown_over_the_prior_and_clipped(figure_for_png):
  results = compared.build([scored_run("panns", FULL)])
  background, liver = (axes for axes in learning_curves.draw_shares(results, CURVES).axes if axes.axison)
  assert liver.get_title() == "liver\nq = 10 %" and background.get_title() == "background\nq = 45 %"
  np.testing.assert_allclose(curve(liver)[0], [12, 1.0])
  assert curve(liver)[1][1] == pytest.approx(3.95)  # 9 times q is beyond what is shown
  np.testing.assert_allclose(curve(background), [[12, 2.0], [15, 0.13]])


def test_a_q_that_moves_is_divided_by_where_it_is(figure_for_png):
  scalars = {"prior/p_bar/liver": ((12, 15), (0.1, 0.3)), "prior/q/liver": ((12, 15), (0.1, 0.2))}
  results = compared.build([scored_run("panns", FULL)])
  (liver,) = (a for a in learning_curves.draw_shares(results, {"panns": [(RUN, scalars)]}).axes if a.axison)
  np.testing.assert_allclose(curve(liver), [[12, 1.0], [15, 1.5]])
  assert liver.get_title() == "liver\nq = 10 to 20 %"


def test_logarithmic_axes_have_numbers_and_no_formulas(figure_for_png):
  wide = {"loss/labeled": ((5, 10), (9.0, 0.001))}
  for scalars in (SCALARS, wide):
    (axes, *_) = learning_curves.draw_training({"panns": [(RUN, scalars)]}).axes
    labels = axes.yaxis.get_major_formatter().format_ticks(axes.yaxis.get_majorticklocs())
    assert {"0.01", "0.1", "1"} <= set(labels) and not any("$" in label for label in labels)


def test_nothing_logged_is_no_picture():
  results = compared.build([scored_run("panns", FULL)])
  assert learning_curves.draw_training({"full": [], "panns": []}) is None
  assert learning_curves.draw_shares(results, {"full": [(RUN, {"loss/labeled": ((1,), (1.0,))})]}) is None


def test_runs_without_events_have_no_curves(tmp_path):
  run = dataclasses.replace(scored_run("panns", FULL), run_dir=tmp_path)
  assert learning_curves.read(compared.build([run])) == {"panns": []}


def test_events_are_those_of_the_training_not_of_the_evaluation(run_dirs, tmp_path):
  run = dataclasses.replace(scored_run("panns", FULL), folder=tmp_path, run_dir=run_dirs[2])
  ((_, scalars),) = learning_curves.read(compared.build([run]))["panns"]
  assert scalars["prior/q/liver"][0] == (15, 20)
