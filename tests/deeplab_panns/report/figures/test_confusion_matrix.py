"""Counts summed over runs, as shares of the reference; the largest confusions in words."""

import dataclasses

import numpy as np
import pytest

from deeplab_panns.report.figures import confusion_matrix
from deeplab_panns.report.results import compared
from deeplab_panns.scores import confusion
from tests.deeplab_panns.report.conftest import FULL, TWO_ORGANS, after_unscored, scored_run

COUNTS = np.array([[990, 6, 4], [0, 30, 10], [0, 20, 0]])  # background, liver, spleen


def with_counts(folder, seed, counts, organs=TWO_ORGANS):
  """A run whose folder holds confusion.csv."""
  folder.mkdir()
  confusion.write_csv(folder / "confusion.csv", organs, counts)
  return dataclasses.replace(scored_run("full", FULL, seed), folder=folder)


@pytest.fixture
def found(tmp_path):
  second = COUNTS * [[0], [1], [3]]
  return compared.build([with_counts(tmp_path / "0", 0, COUNTS), with_counts(tmp_path / "1", 1, second)])


def test_voxels_of_all_runs_count_alike(found):
  np.testing.assert_allclose(
    confusion_matrix.read(found)["full"], [[0.99, 0.006, 0.004], [0, 0.75, 0.25], [0, 1, 0]]
  )


def test_without_counts_of_the_same_organs_there_is_nothing(tmp_path):
  assert confusion_matrix.read(compared.build([scored_run("full", FULL)])) is None
  other = with_counts(tmp_path / "0", 0, COUNTS, ("spleen", "liver"))
  assert confusion_matrix.read(compared.build([other])) is None


def test_the_largest_confusions_are_told_without_the_background(found):
  header, row = confusion_matrix.table(found, confusion_matrix.read(found))
  assert header == ["method", "1.", "2.", "3.", "4.", "5."]
  assert row == ["full", "spleen → liver 100 %", "liver → spleen 25 %", "–", "–", "–"]


def test_an_organ_that_no_case_annotates_can_be_predicted_all_the_same(tmp_path, figure_for_png):
  counts = np.diag([90, 0, 40, 0])  # background, aorta, liver, spleen
  counts[3, 1] = 20
  run = with_counts(tmp_path / "0", 0, counts, ("aorta", "liver", "spleen"))
  found = compared.build([after_unscored("aorta", run)])
  shares = confusion_matrix.read(found)
  assert confusion_matrix.table(found, shares)[1] == ["full", "spleen → aorta 100 %", "–", "–", "–", "–"]
  (axes,) = confusion_matrix.draw(found, shares).axes
  named = [label.get_text() for label in axes.get_xticklabels()]
  assert named == ["background", "aorta", "liver", "spleen"]
  assert {text.get_position() for text in axes.texts} == {(0, 0), (2, 2), (1, 3)}  # (column, row)


def test_shares_from_one_percent_on_are_written(found, figure_for_png):
  (axes,) = confusion_matrix.draw(found, confusion_matrix.read(found)).axes
  assert {text.get_position(): text.get_text() for text in axes.texts} == {  # (column, row)
    (0, 0): "99",
    (1, 1): "75",
    (2, 1): "25",
    (1, 2): "100",
  }
  assert [label.get_text() for label in axes.get_yticklabels()] == ["background", "liver", "spleen"]


def test_a_class_without_voxels_is_blank(figure_for_png):
  found = compared.build([scored_run("full", FULL)])
  (axes,) = confusion_matrix.draw(found, {"full": np.full((3, 3), np.nan)}).axes
  assert not axes.texts
