"""Kidneys on a line from the patient's right (small x) to the left."""

import numpy as np
import pytest

from deeplab_panns.postprocessing.sides import mend_sides, pairs

ORGANS = ("spleen", "right kidney", "left kidney")
RIGHT, LEFT = 2, 3


def line(text):
  """Labels [1, 1, x] of a text: R and L of the kidneys, S of the spleen."""
  return np.array([[["-SRL".index(letter) for letter in text]]], np.uint8)


@pytest.mark.parametrize(
  "before, after, changed",
  [
    ("-RRR---LLL-", "-RRR---LLL-", 0),
    ("LRRR---LLL-", "RRRR---LLL-", 1),  # a piece of the left one on the right
    ("-RRR-L-LLLR", "-RRR-L-LLLL", 1),  # what lies in the middle stays
    ("-L-RRR-S-LLL--R", "-R-RRR-S-LLL--L", 2),
    ("-LLL---RRR-", "-LLL---RRR-", 0),  # swapped as a whole
    ("-RRR-L--R--", "-RRR-L--L--", 1),
    ("-RRR---R---", "-RRR---R---", 0),  # no left kidney to know the middle by
    ("-SRRR-SLLL-", "-SRRR-SLLL-", 0),
  ],
)
def test_pieces_on_the_wrong_side(before, after, changed):
  labels = line(before)
  assert mend_sides(labels, ORGANS) == changed
  np.testing.assert_array_equal(labels, line(after))


def test_a_piece_across_the_middle_stays():
  labels = np.concatenate([line(text) for text in ("-RRRR-----LLLL-", "---------------", "-----RRRRR-----")])
  before = labels.copy()
  assert mend_sides(labels, ORGANS) == 0
  np.testing.assert_array_equal(labels, before)


def test_the_names_of_pairs():
  organs = ("Right_Kidney", "left kidney", "right lung", "left adrenal gland", "right adrenal gland")
  assert pairs(organs) == [(1, 2), (5, 4)]
  assert pairs(("liver", "right ventricle")) == []


@pytest.mark.parametrize(
  "right, left",
  [
    ("kidney_right", "kidney_left"),
    ("Kidney (R)", "Kidney (L)"),
    ("kidney right", "kidney left"),
    ("adrenal_gland_R", "adrenal_gland_L"),
    ("RAG", "LAG"),
  ],
)
def test_pairs_have_many_names(right, left):
  assert pairs(("spleen", left, right)) == [(3, 2)]
  labels = line("LRRR---LLL-")
  assert mend_sides(labels, ("spleen", right, left)) == 1
