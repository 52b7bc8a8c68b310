"""Pieces by counting voxels."""

import numpy as np
import pytest

from deeplab_panns.postprocessing.pieces import pieces_of, remove_small_pieces


def three_pieces():
  """Organ 1 in pieces of 8, 4 and 1 voxels; organ 3 beside them."""
  labels = np.zeros((4, 6, 12), np.uint8)
  labels[0:2, 0:2, 0:2] = 1
  labels[0, 4:6, 4:6] = 1
  labels[3, 5, 11] = 1
  labels[3, 0, 0] = 3
  return labels


@pytest.mark.parametrize("share, left", [(0.1, 13), (0.125, 13), (0.13, 12), (0.5, 12), (0.51, 8), (1.0, 8)])
def test_pieces_below_the_share_of_the_largest_go(share, left):
  labels = three_pieces()
  assert remove_small_pieces(labels, [1, 2, 3], share) == 13 - left
  assert np.count_nonzero(labels == 1) == left and np.count_nonzero(labels == 3) == 1
  assert (labels[0:2, 0:2, 0:2] == 1).all()


def test_only_the_organs_that_are_named():
  labels = three_pieces()
  assert remove_small_pieces(labels, [2, 3], 1.0) == 0
  np.testing.assert_array_equal(labels, three_pieces())


def test_voxels_that_share_a_corner_hang_together():
  mask = np.zeros((3, 3, 3), bool)
  mask[[0, 1, 2], [0, 1, 2], [0, 1, 2]] = True
  pieces, sizes = pieces_of(mask)
  assert sizes.tolist() == [3] and pieces.max() == 1


def test_equal_pieces_all_stay():
  labels = np.array([[[1, 0, 1, 0, 1]]], np.uint8)
  assert remove_small_pieces(labels, [1], 1.0) == 0
