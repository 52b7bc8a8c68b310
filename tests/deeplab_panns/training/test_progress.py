"""What happens after which step, and the end at a loss that is not finite."""

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.training.progress import Intervals, Progress
from deeplab_panns.training.validation import Validation


class Recorder:
  """Stands for model, checkpoints, scalars and validator, and writes down what is asked of it."""

  def __init__(self, held_out=True):
    self.calls, self.first_bad_step, self.held_out = [], -1, held_out
    self.interrupted_after, self.steps = None, 0

  @property
  def requested(self):
    self.steps += 1
    return self.steps == self.interrupted_after

  def start(self, step):
    self.calls.append(("start", step))

  def write_step(self, step, has_partial):
    self.calls.append(("log", step, has_partial))
    return {"loss/labeled": 1.0, "throughput/images_per_second": 2.0}

  def save(self, kind, step):
    self.calls.append(("save", kind, step))

  def save_if_best(self, step, dice):
    self.calls.append(("best", step, dice))

  def latest(self):
    return "RUN/checkpoints/last/ckpt-4"

  def validate(self):
    return Validation({"liver": 0.5}, np.zeros([1, 2, 2, 3], np.uint8))

  def write_validation(self, step, validation):
    self.calls.append(("validation", step))

  def write_pictures(self, step, overlays):
    self.calls.append(("pictures", step))


def run(recorder, first, last, intervals):
  progress = Progress("run", recorder, recorder, recorder, intervals, recorder, recorder)
  progress.begin(first, last, has_partial=False)
  for batch in range(last - first):
    progress.on_train_batch_end(batch)
  return [call for call in recorder.calls if call[0] != "start"]


def test_each_interval_counts_steps_of_the_whole_run_and_the_last_step_has_all_three():
  calls = run(Recorder(), 3, 8, Intervals(log=2, checkpoint=5, validation=6))
  assert [call[1] for call in calls if call[0] == "log"] == [4, 6, 8]
  assert [call[2] for call in calls if call[0] == "save"] == [5, 8]
  assert [call[1] for call in calls if call[0] == "best"] == [6, 8]


def test_without_held_out_cases_there_are_pictures_but_no_best():
  calls = run(Recorder(held_out=False), 0, 2, Intervals(1, 1, 1))
  assert ("pictures", 2) in calls and not [call for call in calls if call[0] in ("best", "validation")]


def test_the_clock_starts_again_after_what_is_no_training():
  recorder = Recorder()
  run(recorder, 0, 4, Intervals(log=1, checkpoint=2, validation=100))
  assert [call for call in recorder.calls if call[0] == "start"] == [("start", 0), ("start", 2), ("start", 4)]


def test_a_loss_that_is_not_finite_ends_the_run_before_anything_is_saved():
  recorder = Recorder()
  recorder.first_bad_step = 5
  with pytest.raises(
    InputError, match=r"not finite at step 5; the last good checkpoint is RUN/checkpoints/last/ckpt-4"
  ):
    run(recorder, 4, 8, Intervals(log=2, checkpoint=2, validation=2))
  assert recorder.calls == [("start", 4)]


@pytest.mark.parametrize("intervals, saves", [(Intervals(100, 100, 100), 1), (Intervals(1, 3, 100), 1)])
def test_an_interruption_saves_the_step_once_and_ends(intervals, saves):
  recorder = Recorder()
  recorder.interrupted_after = 3
  with pytest.raises(KeyboardInterrupt):
    run(recorder, 0, 8, intervals)
  assert [call for call in recorder.calls if call[0] == "save"] == [("save", "last", 3)] * saves


def test_lines_carry_the_name_of_the_run(capsys):
  run(Recorder(), 0, 1, Intervals(1, 1, 1))
  assert capsys.readouterr().out.startswith("run: step      1  J_L 1.0000  2.0 images/s")
