"""The axes and the sweep on numbers that can be checked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.segmentation.slabs import SLAB
from deeplab_panns.segmentation.stitching import Planes, WindowStitcher
from deeplab_panns.segmentation.window_sweep import VolumeAxis, WindowSweep


def axis_of(size, ratio=1.0):
  return VolumeAxis(tf.constant(size), tf.constant(ratio, tf.float64))


def test_on_one_grid_a_slab_reads_its_own_voxels():
  axis = axis_of(20)
  assert axis.low.numpy().tolist() == [0, 8, 16] and axis.high.numpy().tolist() == [8, 16, 20]
  assert [int(axis.slabs_before(end)) for end in (7, 8, 15, 16, 19, 20)] == [0, 1, 1, 2, 2, 3]
  assert [int(axis.end_of(slab)) for slab in range(4)] == [0, 8, 16, 20]
  assert [int(axis.needed_from(slab, 10)) for slab in range(4)] == [0, 8, 10, 10]
  assert int(axis.needed_from(3, 20)) == 16  # all slabs are made: what is kept no longer matters


def test_on_a_grid_of_half_the_voxels_slabs_overlap():
  """Voxel i lies at i / 2 - 1 / 4 and reads what is less than 1 away: voxels 8 … 15 lie at 3.75 … 7.25."""
  axis = axis_of(20, 2.0)
  assert int(axis.network_size) == 10
  assert axis.low.numpy().tolist() == [0, 3, 7] and axis.high.numpy().tolist() == [5, 9, 10]


@pytest.mark.parametrize("size, ratio", [(20, 2.0), (20, 0.3), (9, 1.7), (1, 5.0)])
def test_what_a_slab_reads_is_all_that_its_voxels_have_weights_for(size, ratio):
  axis = axis_of(size, ratio)
  everything = preprocess.axis_matrix(int(axis.network_size), size, 1 / ratio).numpy()
  for slab in range(int(axis.slabs)):
    voxels = range(slab * SLAB, min(slab * SLAB + SLAB, size))
    low, high = int(axis.low[slab]), int(axis.high[slab])
    np.testing.assert_allclose(axis.weights(list(voxels), low, high), everything[voxels, low:high], atol=1e-6)
    np.testing.assert_allclose(everything[voxels, low:high].sum(1), 1, rtol=1e-6)


def test_one_row_of_identity_windows_gives_back_the_volume_in_pieces_along_y():
  shape = (5, 20, 6)
  volume = np.random.default_rng(0).random(shape).astype(np.float32)
  stitcher = WindowStitcher(
    lambda window: window[..., None], (5, 4, 6), 0.5, list(map(tf.constant, shape)), 1
  )
  rows = []

  def convert(slab, row, piece):
    rows.append((int(slab), int(row), piece.shape[1]))
    return piece

  sweep = WindowSweep(stitcher, [axis_of(size) for size in shape], convert, tf.float32)
  image = stitcher.padded(tf.constant(volume))
  pieces, _ = sweep.row(image, tf.constant(0), Planes(0, 5, 5), (0, 1), stitcher.no_sums())
  whole = sweep.whole(pieces, 1).numpy()
  np.testing.assert_allclose(whole[..., 0], volume[[0, 1, 2, 3, 4, 4, 4, 4]], rtol=1e-5)
  # windows begin at 0, 2, …, 16; a piece is made as soon as no later window adds to its rows
  assert [piece for piece in rows if piece[2]] == [(0, 0, 8), (0, 8, 8), (0, 16, 4)]
  assert len(rows) == 9
