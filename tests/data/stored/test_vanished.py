"""What resampling would lose keeps the voxel that it fills most."""

import numpy as np

from data.stored import preprocess
from data.stored.vanished import keep_vanished

FINE, COARSE = (1.0, 1.0, 1.0), (4.0, 4.0, 4.0)


def resampled(label):
  stored = preprocess.store_label(label, FINE, COARSE)
  return stored, *keep_vanished(label, stored, FINE, COARSE)


def test_a_small_organ_keeps_its_voxel():
  label = np.zeros((16, 16, 16), np.uint8)
  label[:8] = 1
  label[9:11, 5:7, 13:15] = 2  # 8 of the 64 voxels of a coarse one
  stored, kept, lost = resampled(label)
  assert 2 not in stored and lost == [2]
  assert np.argwhere(kept == 2).tolist() == [[2, 1, 3]]
  assert np.count_nonzero(kept != stored) == 1


def test_nothing_changes_where_nothing_is_lost():
  label = np.zeros((16, 16, 16), np.uint8)
  label[4:12, 4:12, 4:12] = 3
  stored, kept, lost = resampled(label)
  assert not lost and np.array_equal(stored, kept)


def test_two_small_organs_in_one_voxel_both_stay():
  label = np.zeros((8, 8, 8), np.uint8)
  label[1, 1, 1], label[2, 2, 2] = 5, 6
  _, kept, lost = resampled(label)
  assert lost == [5, 6] and (kept == 5).sum() == 1 and (kept == 6).sum() == 1
