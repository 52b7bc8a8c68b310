"""The pipelines draw what they tell of; no test decides how fast anything is."""

import pytest

from deeplab_panns.benchmark import pipeline
from deeplab_panns.benchmark.measures import Setup


@pytest.mark.parametrize("make, size", [(pipeline.pipeline2d, 40), (pipeline.pipeline3d, 70)])
def test_a_repetition_draws_the_examples_that_it_counts(make, size, monkeypatch):
  monkeypatch.setattr(pipeline, "STEPS", 2)
  one, two = make(Setup(4, size, "resnet_small", "plain", cases=(1, 2)))
  facts = {name: value for name, value in one.facts.items() if name != "start_processor_s"}
  assert facts == {"examples": 8, "slice": [size, size], "cases": 1} and two.facts["cases"] == 2
  assert one.run() == one.run() == two.run() == 8
