"""Segmenters applied at several scales: one network in 2-D, an ensemble of grids in 3-D."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_panns.segmentation import pixels_at_once
from deeplab_panns.segmentation.application import Application, applied
from deeplab_panns.segmentation.ensemble import Ensemble
from deeplab_panns.segmentation.multi_scale import MultiScaleNetwork
from deeplab_panns.segmentation.slice_segmenter import InputGrid, SliceSegmenter
from deeplab_panns.segmentation.sliding_window import VolumeSegmenter, Windows


def network(dimensions, channels):
  image = tf.keras.Input([None] * dimensions + [channels])
  convolution = tf.keras.layers.Conv2D if dimensions == 2 else tf.keras.layers.Conv3D
  return tf.keras.Model(image, convolution(3, 3, padding="same")(image))


SLICES = SliceSegmenter(network(2, 3), InputGrid(), 3)
VOLUMES = VolumeSegmenter(network(3, 1), Windows((8, 8, 8)), 3)


@pytest.fixture(autouse=True)
def plenty(monkeypatch):
  monkeypatch.setattr(
    pixels_at_once, "chosen_memory_bytes", lambda given: 1e12 if given is None else given * 1e9
  )


@pytest.mark.parametrize("segmenter", [SLICES, VOLUMES])
def test_by_default_the_segmenter_as_it_was_trained(segmenter):
  ours = applied([segmenter], Application())
  assert ours.network is segmenter.network and ours.grid == segmenter.grid


def test_scales_of_slices_are_one_network_on_one_grid():
  ours = applied([SLICES], Application((0.5, 1.0), crop_to_body=True))
  assert isinstance(ours.network, MultiScaleNetwork) and ours.network.scales == (0.5, 1.0)
  assert ours.grid == InputGrid(crop_to_body=True) and ours.network.pixels_at_once is None


@pytest.mark.slow
def test_slices_at_several_scales_are_labelled_whole():
  ours = applied([SLICES], Application((0.5, 1.0), crop_to_body=True))
  labels = ours.stored_labels(np.zeros((2, 9, 9), np.uint8), [1.0, 1.0, 1.0])
  assert labels.shape == (2, 9, 9)


def test_the_record_is_what_labels_depend_on():
  record = Application((0.5, 1.0), True, 3.0).record
  assert record == {"test_scales": [0.5, 1.0], "crop_to_body": True}


def test_little_memory_bounds_the_pixels_at_once():
  ours = applied([SLICES], Application(memory_gb=1e-4))
  assert ours.network.pixels_at_once == 2**16


def test_scales_of_volumes_are_grids_of_an_ensemble():
  ours = applied([VOLUMES], Application((0.5, 1.0)))
  assert isinstance(ours, Ensemble)
  assert [group.grid.scale for group in ours._groups] == [0.5, 1.0]


def test_runs_of_one_grid_stay_one_group_at_each_scale():
  ours = applied([VOLUMES, VOLUMES, SLICES], Application((0.5, 1.0)))
  assert len(ours._groups) == 3 and sum(ours._shares) == pytest.approx(1)
  assert ours._shares == [2 / 5, 2 / 5, 1 / 5]


@pytest.mark.parametrize(
  "settings, says",
  [
    ({"test_scales": ()}, "^test_scales=: must be one or several factors from 0.25 to 4"),
    ({"test_scales": (1.0, 9.0)}, "^test_scales=1,9: must be"),
    ({"test_scales": (float("nan"),)}, "^test_scales=nan: must be"),
    ({"test_scales": (1.0, 1.0)}, "^test_scales=1,1: names a factor twice"),
    ({"memory_gb": 0.0}, "^memory_gb=0: must be above 0"),
  ],
)
def test_what_cannot_be(settings, says):
  with pytest.raises(ValueError, match=says):
    Application(**settings)
