"""Arrays and stored cases labelled by a segmenter that says what it was given."""

import os
import signal
import threading
import time
import types

import numpy as np
import pytest
import tensorflow as tf

from data.command import Terminated, interrupt
from deeplab_panns.segmentation.segment_arrays import segment_array, segment_stored
from deeplab_panns.segmentation.slabs import SLAB
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows


class Echo:
  """Labels are the volume's own values."""

  def labels(self, volume, spacing_mm):
    self.given = (volume.dtype, spacing_mm.dtype, spacing_mm.numpy().tolist())
    return {"labels": tf.cast(volume, tf.uint8)}

  def stored_labels(self, image, spacing_mm):
    self.given = (image.dtype, spacing_mm.dtype, spacing_mm.numpy().tolist())
    return image


VALUES = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, np.uint8])
def test_integers_and_floats_reach_the_network_as_float32_in_their_order(dtype):
  echo = Echo()
  labels = segment_array(echo, VALUES.astype(dtype).transpose(2, 0, 1), (3.0, 1, 0.5))
  assert type(labels) is np.ndarray and labels.dtype == np.uint8
  np.testing.assert_array_equal(labels, VALUES.transpose(2, 0, 1))
  assert echo.given == (tf.float32, tf.float32, [3.0, 1.0, 0.5])


@pytest.mark.parametrize(
  "volume, says",
  [
    (VALUES[0], r"^volume_hu\.shape=\(3, 4\): "),
    (VALUES[:0], r"^volume_hu\.shape=\(0, 3, 4\): "),
    (VALUES > 3, r"^volume_hu\.dtype=bool: "),
    (VALUES * 1j, r"^volume_hu\.dtype=complex128: "),
    (np.where(VALUES == 7, np.nan, VALUES), r"^volume_hu=nan: .*finite"),
    (np.where(VALUES == 7, -np.inf, VALUES), r"^volume_hu=-inf: .*finite"),
  ],
)
def test_volumes_that_are_none(volume, says):
  with pytest.raises(ValueError, match=says):
    segment_array(Echo(), volume, (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
  "spacing_mm", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0), (np.inf, 1, 1)]
)
def test_spacings_that_are_none(spacing_mm):
  with pytest.raises(ValueError, match=r"^spacing_mm=\(.*\): must be three numbers \(z, y, x\) above 0"):
    segment_array(Echo(), VALUES, spacing_mm)


def test_a_stored_case_is_labelled_as_it_is_stored():
  echo, image = Echo(), VALUES.astype(np.uint8)
  labels = segment_stored(echo, types.SimpleNamespace(image=lambda: image, spacing_mm=(3.0, 2.0, 2.0)))
  np.testing.assert_array_equal(labels, image)
  assert echo.given == (tf.uint8, tf.float32, [3.0, 2.0, 2.0])


SLABS = 1000


class Slow:
  """A network that takes some milliseconds for each batch, and counts them."""

  def __init__(self):
    self.count = tf.Variable(0)

  def __call__(self, images, training):
    done = self.count.assign_add(1)
    value = tf.cast(images[..., :1], tf.float32)
    work = tf.fill([300, 300], tf.reduce_mean(value))
    for _ in range(10):
      work = tf.tanh(work @ work)
    with tf.control_dependencies([done]):
      return value * tf.stack([work[0, 0], 1.0])

  def terminate_when_begun(self):
    while self.count.numpy() < 2:
      time.sleep(0.002)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
  "make, shape",
  [
    (lambda network: SliceSegmenter(network, InputGrid("axial", 1), 2), (SLABS * SLAB, 2, 2)),
    pytest.param(
      lambda network: VolumeSegmenter(network, Windows((2, 2, 2), overlap=0.0), 2),
      (SLABS * 2, 2, 2),
      marks=pytest.mark.slow,
    ),
  ],
  ids=["slices", "windows"],
)
def test_sigterm_ends_a_volume_between_two_slabs_or_windows(make, shape):
  network = Slow()
  segmenter = make(network)
  before = signal.signal(signal.SIGTERM, interrupt)
  killer = threading.Thread(target=network.terminate_when_begun)
  killer.start()
  try:
    with pytest.raises(Terminated):
      segment_array(segmenter, np.zeros(shape, np.int16), (1.0, 1.0, 1.0))
    ended_at = int(network.count)
    assert 2 <= ended_at < SLABS / 2
    killer.join()
    # the next volume is segmented as if nothing had been
    assert segment_array(segmenter, np.zeros((8, 2, 2)), (1.0, 1.0, 1.0)).shape == (8, 2, 2)
  finally:
    signal.signal(signal.SIGTERM, before)
