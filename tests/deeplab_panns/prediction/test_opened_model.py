"""What was opened, as prediction takes it."""

import types

from deeplab_panns.prediction.on_tensorflow import OnTensorFlow
from deeplab_panns.prediction.opened_model import on_tensorflow


def test_a_run_becomes_a_segmenter_of_arrays():
  run = types.SimpleNamespace(segmenter=object(), organs=["liver"], scans={"spacing_mm": []})
  opened = on_tensorflow(run, "abc")
  assert isinstance(opened.segmenter, OnTensorFlow)
  assert (opened.organs, opened.scans, opened.identity) == (("liver",), {"spacing_mm": []}, "abc")
