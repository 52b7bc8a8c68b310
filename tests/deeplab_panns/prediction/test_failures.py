"""The words for what a case failed by; test_prediction.py has each of them by way of a case."""

import pathlib

from data.input_error import InputError
from deeplab_panns.prediction.failures import FAILURES, SegmentationError, reason


def test_an_input_error_speaks_for_itself_and_every_failure_names_the_scan():
  scan = pathlib.Path("a.nii")
  assert reason(InputError("b.nii: is broken"), scan) == "b.nii: is broken"
  for error in (OSError(28, "No space"), MemoryError(), SegmentationError("odd")):
    assert isinstance(error, FAILURES) and reason(error, scan).startswith("a.nii: ")
