"""The box plots: every case a point at its Dice, and stars where a test says so."""

import numpy as np
import pytest

from deeplab_panns.report.figures import box_plots
from deeplab_panns.report.results import compared
from tests.deeplab_panns.report.conftest import FULL, PANNS, scored_run


def points(figure):
  """The sorted heights of the points of each box."""
  lines = [line for axes in figure.axes for line in axes.lines if line.get_marker() == "."]
  return [sorted(line.get_ydata()) for line in lines]


def test_every_case_is_a_point_and_the_last_column_has_the_case_means(figure_for_png):
  found = points(box_plots.draw(compared.build([scored_run("full", FULL), scored_run("panns", PANNS)])))
  columns = [column for table in (FULL, PANNS) for column in (*table.T, table.mean(axis=1))]
  assert len(found) == len(columns)
  for heights, column in zip(found, columns):
    assert heights == pytest.approx(sorted(100 * column))


def test_undefined_scores_are_no_points(figure_for_png):
  table = FULL.copy()
  table[0, 1] = np.nan
  table[:, 0] = np.nan
  spleen, means = points(box_plots.draw(compared.build([scored_run("full", table)])))
  assert len(spleen) == len(means) == 6  # the liver has no box


def test_stars_stand_at_the_columns_that_differ(figure_for_png):
  """All of seven cases are ahead in the spleen, p = 2 / 2^7, and in the mean; in the liver one is behind."""
  figure = box_plots.draw(compared.build([scored_run("full", FULL), scored_run("panns", PANNS)]))
  stars = {round(text.get_position()[0]): text.get_text() for text in figure.axes[0].texts}
  assert stars[1] == stars[2] == "*"
  labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
  assert labels == ["liver", "spleen", "mean"]
  assert [text.get_text() for text in figure.legends[0].get_texts()] == ["full", "panns"]


def test_many_methods_take_several_rows(figure_for_png):
  runs = [scored_run(f"method{number}", FULL) for number in range(20)]
  figure = box_plots.draw(compared.build(runs))  # of 48 boxes a row, two columns of 20
  shown = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
  assert shown == [["liver", "spleen"], ["mean"]]
