"""The body's box: a patient of known extent, on a table, in air."""

import numpy as np
import pytest
import tensorflow as tf

from data.stored import preprocess
from deeplab_panns.segmentation.body_box import body_box, body_box_in_graph, on_network_axis

SHAPE = (31, 270, 303)
STEPS = (1, 2, 2)
BODY = ((5, 27), (60, 183), (66, 249))  # what the patient fills


def patient(table=False):
  hu = np.full(SHAPE, -1000, np.float32)
  (z0, z1), (y0, y1), (x0, x1) = BODY
  hu[z0:z1, y0:y1, x0:x1] = 40
  hu[z0 + 3 : z1 - 3, y0 + 9 : y1 - 9, x0 + 9 : x1 - 9] = -800  # lungs count too
  if table:
    hu[:, 225:230, 2:299] = 100
    hu[:, y1:225, 150:154] = 100  # a strap that holds the patient to it
  return hu


def box_of(hu):
  return body_box_in_graph(tf.constant(hu), preprocess.window).numpy()


@pytest.mark.parametrize("table", [False, True])
def test_the_box_holds_the_body_and_little_else(table):
  box = box_of(patient(table))
  for (low, high), (first, end), step in zip(box, BODY, STEPS):
    assert first - 3 * step <= low <= first and end <= high <= end + 3 * step


@pytest.mark.parametrize("table", [False, True])
def test_a_blank_slice_does_not_cut_the_patient(table):
  whole, cut = patient(table), patient(table)
  cut[19] = -1000
  np.testing.assert_array_equal(box_of(cut), box_of(whole))


def test_no_body_is_the_whole_volume():
  whole = [[0, size] for size in SHAPE]
  np.testing.assert_array_equal(box_of(np.full(SHAPE, -1000, np.float32)), whole)
  speck = np.full(SHAPE, -1000, np.float32)
  speck[:3, :9, :9] = 50
  np.testing.assert_array_equal(box_of(speck), whole)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 300), (3, 2, 5)])
def test_a_volume_that_is_all_body(shape):
  image = np.full([-(-size // step) for size, step in zip(shape, STEPS)], 200, np.float32)
  np.testing.assert_array_equal(body_box(image, shape, STEPS), [[0, size] for size in shape])


def test_the_networks_voxels_are_those_that_interpolation_reads():
  ratio, size = tf.constant(1.6, tf.float64), 50
  network_size = preprocess.resampled_size(size, 1.0, ratio)
  low, high = on_network_axis(tf.constant([11, 23]), size, network_size, ratio)
  matrix = preprocess.axis_matrix(network_size, size, 1.0 / ratio).numpy()  # back to the volume
  read = np.flatnonzero(matrix[11:23].any(0))
  assert (low, high) == (read[0], read[-1] + 1)
