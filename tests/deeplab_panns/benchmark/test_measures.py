"""What the measures run, and the facts they tell, on tiny sizes."""

import dataclasses
import math

import pytest

from deeplab_panns.benchmark.measures import MEASURES, Setup

TINY = Setup(batch=4, size=33, backbone="resnet_small", stem="plain")


@pytest.mark.slow
def test_a_step_of_deeplab_has_a_finite_loss():
  (measure,) = MEASURES["deeplab_step"](TINY)
  assert measure.name == "deeplab_v3 resnet_small plain step" and measure.facts["input"] == [4, 33, 33, 3]
  assert math.isfinite(measure.run())


@pytest.mark.slow
def test_both_steps_of_the_overhead_see_the_same_network():
  """A quarter of the batch is partial, yet both count all of it: the ratio of their times compares like with
  like."""
  panns, supervised = MEASURES["panns_overhead"](dataclasses.replace(TINY, size=17))
  assert panns.facts["parameters"] == supervised.facts["parameters"]
  assert supervised.facts["input"] == [4, 17, 17, 3] == panns.facts["input"]


def test_the_metrics_are_those_of_a_patient_moved_by_two_voxels():
  (measure,) = MEASURES["metrics"](Setup(batch=1, size=48, backbone="resnet_small", stem="plain"))
  scores = measure.run()
  assert len(scores) == 13 and measure.facts["volume"][1:] == [48, 48]
  assert all(0 <= score.dice < 1 for score in scores)


@pytest.mark.slow
def test_the_volume_has_the_windows_that_it_tells_of():
  volume, window = MEASURES["sliding_window"](Setup(1, 96, "resnet_small", "plain"))
  assert volume.facts["windows"] == 8 and volume.facts["volume"] == [96, 96, 96]
  assert volume.run().shape == (96, 96, 96) and window.run().shape == (1, 64, 64, 64, 14)
