"""Ensembles against the mean of their members' probabilities, taken by numpy."""

import errno
import os

import numpy as np
import pytest
import tensorflow as tf

from data.input_error import InputError
from deeplab_panns.segmentation.ensemble import Ensemble
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows
from tests.deeplab_panns.segmentation.test_sliding_window import streamed

CLASSES = 4
SPACING = tf.constant([1.5, 1.0, 1.0])
IMAGE = np.random.default_rng(0).integers(0, 256, (19, 13, 22)).astype(np.uint8)


def random_network(dimensions, channels, seed):
  """One convolution of random weights: logits that differ from voxel to voxel and from seed to seed."""
  kernel = tf.constant(
    np.random.default_rng(seed).normal(size=(3,) * dimensions + (channels, CLASSES)) / 200, tf.float32
  )
  return lambda images, training=False: tf.nn.convolution(images, kernel, padding="SAME")


def slices(view, seed):
  return SliceSegmenter(random_network(2, 3, seed), InputGrid(view, 3, (None, None, None)), CLASSES)


def windows(seed):
  return VolumeSegmenter(random_network(3, 1, seed), Windows((8, 6, 10), (2.0, 1.3, 0.9)), CLASSES)


AXIAL, CORONAL, VOLUME = slices("axial", 0), slices("coronal", 3), windows(4)


def assert_labels_of(mean, labels):
  """The class with the largest mean, except where the two largest differ by less than 16 bits resolve."""
  first, second = -np.partition(-mean, 1, axis=-1)[..., :2].transpose(3, 0, 1, 2)
  clear = first - second > 1e-4
  assert clear.mean() > 0.99
  np.testing.assert_array_equal(np.asarray(labels)[clear], mean.argmax(-1)[clear])


@pytest.mark.parametrize("member", [CORONAL, pytest.param(VOLUME, marks=pytest.mark.slow)])
def test_an_ensemble_of_one_is_its_member(member):
  np.testing.assert_array_equal(
    Ensemble([member]).stored_labels(IMAGE, SPACING), member.stored_labels(IMAGE, SPACING)
  )


@pytest.mark.slow
@pytest.mark.parametrize(
  "members",
  [
    [AXIAL, slices("axial", 1)],  # folds: no sum on the disk
    [AXIAL, CORONAL, slices("sagittal", 2)],  # views
    # networks; the two folds have two thirds of the weight
    pytest.param([AXIAL, slices("axial", 1), VOLUME], marks=pytest.mark.slow),
  ],
  ids=["folds", "views", "networks"],
)
def test_an_ensemble_is_the_mean_of_its_members(members, tmp_path):
  mean = np.mean([streamed(member, IMAGE, SPACING) for member in members], axis=0)
  assert_labels_of(mean, Ensemble(members, tmp_path).stored_labels(IMAGE, SPACING))
  assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("members", [[AXIAL, slices("axial", 1)], [AXIAL, CORONAL]], ids=["folds", "views"])
def test_labels_and_probabilities_of_a_volume_in_hu(members):
  ensemble, hu = Ensemble(members), IMAGE.astype(np.float32) * 400 / 255 - 125
  mean = np.mean([streamed(member, IMAGE, SPACING) for member in members], axis=0)
  assert_labels_of(mean, ensemble.labels(hu, SPACING)["labels"])
  np.testing.assert_allclose(ensemble.probabilities(hu, SPACING)["probabilities"], mean, atol=1e-3)


def test_a_full_disk_is_reported_before_anything_is_computed(tmp_path, monkeypatch):
  def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(os, "posix_fallocate", full)
  with pytest.raises(InputError, match=r"has no room for the 0.0 GB.*19 x 13 x 22 voxels; set TMPDIR"):
    Ensemble([AXIAL, CORONAL], tmp_path).stored_labels(IMAGE, SPACING)
