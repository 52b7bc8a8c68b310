"""Trained runs opened for use: networks of both kinds, and ensembles of one organ list."""

import dataclasses

import pytest

from data.batches.patches import PatchSampling
from data.batches.slices import SliceSampling
from data.input_error import InputError
from deeplab_panns.networks.deeplab_v3 import DeepLabConfig
from deeplab_panns.runs import trained
from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.run_directory import RunDirectory, RunSettings
from deeplab_panns.segmentation.slice_segmenter import InputGrid
from deeplab_panns.segmentation.sliding_window import Windows
from dltk_unet.unet import UNetConfig

ORGANS = ("liver", "spleen")


def test_a_network_is_applied_on_the_grid_that_it_was_trained_on():
  slices = Experiment(
    network=DeepLabConfig(channels=1),
    sampling=SliceSampling(view="coronal", slices_per_input=1),
    spacing_mm=(3.0, 2.0, 2.0),
  )
  segmenter = trained.segmenter_of(None, slices, ORGANS)
  assert segmenter.grid == InputGrid("coronal", 1, (3.0, 2.0, 2.0)) and segmenter.class_count == 3
  patches = Experiment(network=UNetConfig(), sampling=PatchSampling(patch_size=(16, 32, 32)))
  segmenter = trained.segmenter_of(None, patches, ORGANS)
  assert segmenter.grid == Windows((16, 32, 32), (None, None, None))


def test_runs_of_other_organ_lists_are_refused_before_a_network_is_built(monkeypatch):
  organs = {"a": ORGANS, "b": ORGANS[::-1]}
  monkeypatch.setattr(
    RunDirectory, "settings", lambda self: RunSettings(Experiment(), organs[str(self.path)], "store", "0")
  )
  monkeypatch.setattr(trained, "build_network", lambda *_: pytest.fail("built a network"))
  with pytest.raises(InputError, match=r"b: was trained for the organs \['spleen', 'liver'\], a for"):
    trained.open_runs(["a", "b"])
  with pytest.raises(InputError, match="names no run"):
    trained.open_runs([])


def test_several_runs_have_the_organs_and_the_store_of_the_first(monkeypatch):
  one = trained.TrainedRun(RunDirectory("a"), Experiment(), ORGANS, "store_a", None, 5)
  other = dataclasses.replace(one, data_dir="store_b")
  runs = trained.TrainedRuns((one, other), None)
  assert runs.organs == ORGANS and runs.data_dir == "store_a"
