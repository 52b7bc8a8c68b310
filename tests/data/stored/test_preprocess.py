"""Window and resampling: laws that hold for any volume."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from data.stored import preprocess


def test_window_maps_its_ends():
  hu = tf.constant([-3024.0, -125.0, 75.0, 275.0, 3000.0])
  np.testing.assert_allclose(preprocess.window(hu), [0, 0, 127.5, 255, 255], atol=1e-4)


@pytest.mark.parametrize(
  "size_in, size_out, ratio",
  [(10, 10, 1.0), (7, 20, 0.35), (20, 7, 2.9), (5, 1, 5.0), (1, 4, 0.25), (3, 1, 20.0)],
)
def test_rows_are_weights(size_in, size_out, ratio):
  matrix = preprocess.axis_matrix(size_in, size_out, ratio).numpy()
  assert matrix.shape == (size_out, size_in) and matrix.min() >= 0
  np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


def test_same_spacing_is_the_identity():
  np.testing.assert_array_equal(preprocess.axis_matrix(9, 9, 1.0), np.eye(9))


@pytest.mark.parametrize("ratio", [0.4, 0.7, 1.7, 3.0])
def test_a_ramp_stays_a_ramp_in_the_interior(ratio):
  size_in = 60
  size_out = int(preprocess.resampled_size(size_in, 1.0, ratio))
  positions = preprocess.positions(tf.range(size_out), size_out, size_in, ratio).numpy()
  resampled = preprocess.axis_matrix(size_in, size_out, ratio).numpy() @ np.arange(size_in)
  inside = (positions > ratio + 1) & (positions < size_in - 2 - ratio)
  assert inside.sum() > 5
  # the triangle's samples are not symmetric about every centre when it is wide: a tenth of a voxel at most
  np.testing.assert_allclose(resampled[inside], positions[inside], atol=1e-5 if ratio <= 1 else 0.12)


def test_both_grids_have_one_centre():
  positions = preprocess.positions(tf.range(8), 8, 5, 0.6).numpy()
  assert positions.mean() == pytest.approx(2.0)


def test_upsampling_equals_scipy_inside():
  volume = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
  ours = preprocess.resample(tf.constant(volume), (2.0, 2.0, 2.0), (1.0, 1.0, 1.0)).numpy()
  grid = np.meshgrid(
    *[(np.arange(2 * n) - (2 * n - 1) / 2) / 2 + (n - 1) / 2 for n in volume.shape], indexing="ij"
  )
  np.testing.assert_allclose(ours, ndimage.map_coordinates(volume, grid, order=1, mode="nearest"), atol=1e-5)


def test_coarser_averages_noise_away():
  noise = np.random.default_rng(0).normal(size=(30, 30, 30)).astype(np.float32)
  coarse = preprocess.resample(tf.constant(noise), (1.0, 1.0, 1.0), (3.0, 3.0, 3.0)).numpy()
  assert coarse.std() < 0.35  # plain linear interpolation at voxel centres keeps 1.0


def test_an_axis_at_its_spacing_is_untouched():
  volume = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
  ours = preprocess.resample(tf.constant(volume), (3.0, 1.0, 1.0), (3.0, 2.0, 1.0)).numpy()
  assert ours.shape == (4, 2, 6)


def test_labels_vote():
  label = np.zeros((1, 4, 4), np.uint8)
  label[0, :2, :2], label[0, 2:, 2:] = 3, 9
  coarse = preprocess.store_label(label, (1.0, 1.0, 1.0), (1.0, 2.0, 2.0))
  np.testing.assert_array_equal(coarse[0], [[3, 0], [0, 9]])


def test_labels_are_untouched_at_their_spacing():
  label = np.random.default_rng(0).integers(0, 4, (3, 4, 5)).astype(np.uint8)
  np.testing.assert_array_equal(preprocess.store_label(label, (1.0, 2.0, 3.0), (1.0, 2.0, 3.0)), label)


def test_a_label_survives_finer_and_back():
  label = np.zeros((6, 12, 12), np.uint8)
  label[2:5, 3:9, 2:8] = 1
  finer = preprocess.store_label(label, (2.0, 2.0, 2.0), (1.0, 1.0, 1.0))
  back = preprocess.store_label(finer, (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
  np.testing.assert_array_equal(back, label)


@pytest.mark.parametrize("target_mm", [(3.0, 1.5, 1.0), (2.0, 1.5, 1.5), (1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_slab_by_slab_is_what_the_whole_volume_gives(monkeypatch, target_mm):
  own_mm = (2.0, 1.0, 1.0)
  rng = np.random.default_rng(0)
  image = rng.normal(50, 150, (9, 17, 15)).astype(np.float32)
  label = rng.integers(0, 4, image.shape).astype(np.uint8)
  whole = preprocess.to_uint8(preprocess.resample(preprocess.window(image), own_mm, target_mm)).numpy()
  at_once = preprocess.store_label(label, own_mm, target_mm)
  monkeypatch.setattr(preprocess, "SLAB_VOXELS", 300)  # a plane or two
  in_slabs = preprocess.store_image(image, own_mm, target_mm)
  assert in_slabs.shape == whole.shape and np.abs(in_slabs.astype(int) - whole).max() <= 1
  assert np.mean(in_slabs != whole) < 1e-3  # where a sum in another order is rounded to the other side
  assert np.mean(preprocess.store_label(label, own_mm, target_mm) != at_once) < 0.01
