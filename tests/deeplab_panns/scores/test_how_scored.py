"""The record of metrics.json: complete, by default that of older versions, and back as flags."""

import json

import pytest

from deeplab_panns.postprocessing.mending import Mending
from deeplab_panns.scores.how_scored import KEY, how_scored, is_plain, record, words
from deeplab_panns.segmentation.application import Application

OTHERS = record(Application((0.75, 1.0), True), Mending(min_piece_share=0.25))


@pytest.mark.parametrize("summary", [{}, {KEY: None}, {KEY: record(Application(memory_gb=2.0), Mending())}])
def test_what_is_not_told_is_as_by_default(summary):
  assert is_plain(summary) and words(summary) == ""
  assert how_scored(summary)["test_scales"] == [1.0]


def test_all_that_labels_depend_on_is_told_and_told_apart():
  summary = json.loads(json.dumps({KEY: OTHERS}))
  assert how_scored(summary) == OTHERS and not is_plain(summary)
  assert words(summary) == "--test_scales=0.75,1 --crop_to_body --min_piece_share=0.25"
