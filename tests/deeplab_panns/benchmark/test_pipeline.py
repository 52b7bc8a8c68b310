"""The pipelines draw what they tell of; no test decides how fast anything is."""

import pytest

from deeplab_panns.benchmark import pipeline
from deeplab_panns.benchmark.measures import Setup


@pytest.mark.parametrize("make, size", [(pipeline.pipeline2d, 40), (pipeline.pipeline3d, 70)])
def test_a_repetition_draws_the_examples_that_it_counts(make, size, monkeypatch):
  monkeypatch.setattr(pipeline, "STEPS", 2)
  monkeypatch.setattr(pipeline, "CASES", 1)
  (measure,) = make(Setup(4, size, "resnet_small", "plain"))
  assert measure.facts == {"examples": 8, "slice": [size, size]}
  assert measure.run() == measure.run() == 8
