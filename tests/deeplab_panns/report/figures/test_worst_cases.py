"""Which cases are the worst, what is said of them, and which slices are shown."""

import numpy as np

from deeplab_panns.report.figures import worst_cases
from deeplab_panns.report.results import compared
from deeplab_panns.scores.compared_slices import ComparedSlice
from tests.deeplab_panns.report.conftest import FULL, after_unscored, scored_run

DICE = [[0.9, 0.7], [0.4, 0.0], [np.nan, np.nan], [0.0, 0.0], [0.6, np.nan], [0.95, 0.8], [0.5, 0.6]]


def part(case, why, z=3):
  reference = np.zeros((8, 8), np.uint8)
  reference[2:5, 2:5] = 1
  return ComparedSlice(case, z, (1.0, 1.0), why, np.zeros((8, 8), np.uint8), reference, 2 * reference)


def test_the_lowest_means_come_first_without_undefined_ones():
  found = compared.build([scored_run("full", DICE)])
  assert worst_cases.worst_cases(found, found.baseline) == [3, 1, 6, 4, 0]


def test_organs_without_overlap_are_told_from_low_ones():
  found = compared.build([scored_run("full", FULL), scored_run("panns", DICE)])
  header, *rows = worst_cases.table(found)
  assert header[3] == "by full"
  of_panns = [row[1:] for row in rows if row[0] == "panns"]
  assert of_panns[0] == ["c3", "0.0", "65.0", "2: liver, spleen", ""]
  assert of_panns[1] == ["c1", "20.0", "60.0", "1: spleen", "liver 40.0"]
  assert of_panns[2] == ["c6", "55.0", "70.0", "0", "liver 50.0, spleen 60.0"]


def test_the_slice_of_the_worst_organ_is_shown_where_there_is_one():
  found = compared.build([scored_run("full", DICE)])
  parts = [
    part("c3", "most organs"),
    part("c3", "worst: liver", 5),
    part("c1", "most organs"),
    part("c5", "worst: x"),
  ]
  slices = {"full": {(one.case, one.z): one for one in parts}}
  assert worst_cases.pictured(found, slices) == {"full": [parts[1], parts[2]]}
  everyone = {("full"): {(f"c{case}", 3): part(f"c{case}", "most organs") for case in range(7)}}
  assert [one.case for one in worst_cases.pictured(found, everyone)["full"]] == ["c3", "c1", "c6"]


def test_a_row_for_each_method_that_has_slices(figure_for_png):
  found = compared.build([scored_run("full", DICE), scored_run("panns", DICE)])
  shown = {"full": [], "panns": [part("c3", "worst: liver"), part("c1", "most organs")]}
  figure = worst_cases.draw(found, shown)
  assert [axes.get_title() for axes in figure.axes] == [
    "c3, slice 3\nworst: liver",
    "c1, slice 3\nmost organs",
  ]
  assert figure.axes[0].get_ylabel() == "panns"
  named = [text.get_text() for text in figure.legends[0].get_texts()]
  assert named == ["liver", "spleen", "white: reference"]


def test_names_follow_the_label_values_where_an_organ_is_not_annotated(figure_for_png):
  found = compared.build([after_unscored("aorta", scored_run("full", DICE))])
  (legend,) = worst_cases.draw(found, {"full": [part("c3", "worst: liver")]}).legends
  assert [text.get_text() for text in legend.get_texts()] == ["aorta", "liver", "white: reference"]
