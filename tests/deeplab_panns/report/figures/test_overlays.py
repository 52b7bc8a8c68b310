"""Which slices are shown, on which organ they zoom in, and what stands beside them."""

import dataclasses

import numpy as np
import pytest

from deeplab_panns.report.figures import overlays
from deeplab_panns.report.results import compared
from deeplab_panns.scores import compared_slices
from deeplab_panns.scores.compared_slices import ComparedSlice
from tests.deeplab_panns.report.conftest import FULL, after_unscored, scored_run

SIZE = (20, 20)


def part(case="a", z=3, why="most organs", shift=0, size=SIZE):
  """A slice whose reference has a liver and a spleen; the predicted spleen is shifted."""
  reference, predicted = np.zeros((2, *size), np.uint8)
  for labels, moved in ((reference, 0), (predicted, shift)):
    labels[2:8, 2:8] = 1
    labels[12:16, 4 + moved : 8 + moved] = 2
  return ComparedSlice(case, z, (1.0, 1.0), why, np.full(size, 100, np.uint8), reference, predicted)


def keyed(*parts):
  return {(one.case, one.z): one for one in parts}


def test_slices_are_shared_by_all_methods_and_chosen_by_no_prediction():
  parts = [
    part("a", 3),
    part("a", 9, "other organs"),
    part("b", 4),
    part("b", 5, "worst: liver"),
    part("c", 1),
  ]
  theirs = [*parts[:4], part("c", 1, size=(20, 21))]  # another crop: not the same slice
  shown = overlays.shared_slices({"full": keyed(*parts), "panns": keyed(*theirs)})
  assert shown == [("a", 3), ("b", 4), ("a", 9)]  # first the richest of each case
  many = keyed(*(part("a", z) for z in range(9)))
  assert len(overlays.shared_slices({"full": many})) == overlays.MAX_SLICES
  assert overlays.shared_slices({"full": many, "panns": {}}) == []


def test_of_runs_with_the_same_slice_the_first_counts(tmp_path):
  runs = []
  for seed, shift in enumerate((1, 3)):
    (tmp_path / str(seed)).mkdir()
    compared_slices.write(tmp_path / str(seed) / "slices.npz", [part(shift=shift), part(z=5 + seed)])
    runs.append(dataclasses.replace(scored_run("full", FULL, seed), folder=tmp_path / str(seed)))
  found = overlays.read_slices(compared.build([*runs, scored_run("panns", FULL)]))
  assert list(found["full"]) == [("a", 3), ("a", 5), ("a", 6)] and found["panns"] == {}
  np.testing.assert_array_equal(found["full"]["a", 3].predicted, part(shift=1).predicted)


@pytest.fixture
def axes(figure_for_png):
  """[two rows, three columns] of the axes of one slice by two methods."""
  results = compared.build([scored_run("full", FULL), scored_run("panns", FULL)])
  methods = {"full": {("a@01234567", 3): part()}, "panns": {("a@01234567", 3): part(shift=2)}}
  return np.array(overlays.draw(results, methods).axes).reshape(2, 3)


def test_the_zoom_is_on_the_organ_on_which_the_methods_differ(axes):
  assert axes[1, 0].get_ylabel() == "zoom:\nspleen"
  (low, high), (bottom, top) = axes[1, 1].get_xlim(), axes[1, 1].get_ylim()
  assert low < 4 and high > 8 and top < 12 and bottom > 16  # the spleen with a margin
  assert high - low == bottom - top  # square
  assert [axes[1, column].get_xlabel() for column in (1, 2)] == ["spleen here: 1.00", "spleen here: 0.50"]


def test_the_case_is_named_without_its_hash(axes):
  assert axes[0, 0].get_ylabel() == "a\nslice 3"
  assert [axes[0, column].get_title() for column in range(3)] == ["reference", "full", "panns"]


def test_the_frame_shows_where_the_zoom_is(axes):
  for row in axes[0]:
    (frame,) = row.patches
    assert (frame.get_x(), frame.get_x() + frame.get_width()) == axes[1, 0].get_xlim()


def test_names_follow_the_label_values_where_an_organ_is_not_annotated(figure_for_png):
  """Value 1 is then the aorta's, which the method predicts, and value 2 the liver's."""
  results = compared.build([after_unscored("aorta", scored_run("full", FULL))])
  one = part(shift=2)
  reference = np.where(one.reference == 1, 0, one.reference)
  figure = overlays.draw(results, {"full": keyed(dataclasses.replace(one, reference=reference))})
  (legend,) = figure.legends
  assert [text.get_text() for text in legend.get_texts()] == ["aorta", "liver", "white: reference"]
  axes = np.array(figure.axes).reshape(2, 2)
  assert axes[1, 0].get_ylabel() == "zoom:\nliver" and axes[1, 1].get_xlabel() == "liver here: 0.50"
