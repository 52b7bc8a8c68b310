"""Flags to settings and back to the flags of another command."""

import pytest
from absl import flags

from deeplab_panns import inference_flags
from deeplab_panns.postprocessing.mending import Mending
from deeplab_panns.segmentation.application import Application


def parsed(*arguments):
  values = flags.FlagValues()
  inference_flags.define_flags(values)
  values(["command", *arguments])
  return values


def test_by_default_all_is_off():
  args = parsed()
  assert inference_flags.application(args) == Application() and inference_flags.mending(args) == Mending()
  assert inference_flags.arguments(args) == []
  assert set(args) == {*inference_flags.LABELS, "memory_gb"}


GIVEN = ["--test_scales=0.75,1", "--crop_to_body", "--mend_sides", "--min_piece_share=0.25", "--fill_holes"]


def test_what_is_given_arrives_here_and_in_another_command():
  args = parsed(*GIVEN, "--memory_gb=3")
  assert inference_flags.application(args) == Application((0.75, 1.0), True, 3.0)
  assert inference_flags.mending(args) == Mending(True, 0.25, True)
  again = parsed(*inference_flags.arguments(args))
  assert inference_flags.application(again) == inference_flags.application(args)
  assert inference_flags.mending(again) == inference_flags.mending(args)


@pytest.mark.parametrize(
  "argument, says",
  [
    ("--test_scales=1,big", "^--test_scales=1,big: must be a comma-separated list of factors"),
    ("--test_scales=", "^--test_scales=: must be one or several factors"),
    ("--test_scales=100", "^--test_scales=100: must be one or several factors from 0.25 to 4"),
    ("--memory_gb=-1", "^--memory_gb=-1: must be above 0"),
    ("--min_piece_share=2", "^--min_piece_share=2: must be from 0"),
  ],
)
def test_what_cannot_be_is_one_line(argument, says):
  args = parsed(argument)
  with pytest.raises(flags.ValidationError, match=says):
    inference_flags.application(args)
    inference_flags.mending(args)
