"""Voxel counts of reference against prediction."""

import numpy as np
import pytest

from data.input_error import InputError
from data.organs import IGNORE
from deeplab_panns.scores import confusion

ORGANS = ("right kidney", "left kidney")


def test_counts_by_hand():
  reference = np.array([[[0, 0, 1, 1, 1, 2, IGNORE]]], np.uint8)
  predicted = np.array([[[0, 2, 1, 2, 0, 2, 1]]], np.uint8)
  assert confusion.count(reference, predicted, 2).tolist() == [[1, 0, 1], [1, 1, 1], [0, 0, 1]]


def test_values_of_no_organ_are_background():
  counts = confusion.count(np.array([[[7, 1, -1]]], np.int32), np.array([[[1, 9, 0]]], np.int32), 2)
  assert counts.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_a_partial_case_counts_for_its_annotated_organs_alone():
  counts = np.ones((3, 3), np.int64)
  assert confusion.known_rows(counts, ORGANS, ["left kidney"]).tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]
  assert confusion.known_rows(counts, ORGANS, list(ORGANS)).tolist() == counts.tolist()


def test_row_shares():
  shares = confusion.row_shares(np.array([[8, 2, 0], [0, 1, 3], [0, 0, 0]]))
  assert shares[:2].tolist() == [[0.8, 0.2, 0], [0, 0.25, 0.75]]
  assert np.isnan(shares[2]).all()


def test_csv_round_trip(tmp_path):
  counts = np.arange(9).reshape(3, 3) * 10**12
  confusion.write_csv(tmp_path / "confusion.csv", ORGANS, counts)
  organs, found = confusion.read_csv(tmp_path / "confusion.csv")
  assert organs == ORGANS and found.tolist() == counts.tolist()


@pytest.mark.parametrize(
  "text",
  [
    "",
    "reference,background\n",
    "reference,background,a\nbackground,1,2\n",
    "a,b\nc,d\n",
    "reference,background,a\nbackground,1,2\nb,1,2\n",
  ],
)
def test_a_damaged_table_is_one_line_for_the_user(tmp_path, text):
  (tmp_path / "confusion.csv").write_text(text)
  with pytest.raises(InputError, match=r"confusion\.csv.*evaluate"):
    confusion.read_csv(tmp_path / "confusion.csv")
