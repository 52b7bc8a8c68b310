"""What happens after which step, and the end at a loss that is not finite."""

import signal

import numpy as np
import pytest

from data.command import Terminated
from data.input_error import InputError
from deeplab_panns.runs.event_files import EventsNotWritten
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.progress import Intervals, Progress
from deeplab_panns.training.validation import Validation


class Recorder:
  """Stands for model, checkpoints, scalars and validator, and writes down what is asked of it."""

  def __init__(self, held_out=True):
    self.calls, self.first_bad_step, self.held_out = [], -1, held_out
    self.interruption = Interruption()
    self.interrupted_at, self.full_at, self.changed_at, self.not_written_at = None, None, None, None

  def begin(self, step):
    pass

  def advance(self, step):
    self.step = step
    if self.interrupted_at == step:
      self.interruption.note(signal.SIGTERM)

  def show(self, step, values):
    pass

  def say(self, text):
    self.calls.append(("said", text))

  def require_same_store(self):
    if self.step == self.changed_at:
      raise InputError("the store changed")

  def restart_clock(self, step):
    self.calls.append(("restart_clock", step))

  def start(self, step):
    self.calls.append(("start", step))

  def write_step(self, step, has_partial):
    if step == self.full_at:
      raise EventsNotWritten("no room")
    self.calls.append(("log", step, has_partial))
    return {"loss/labeled": 1.0, "throughput/images_per_second": 2.0}

  def begin_save(self, kind, step):
    self.calls.append(("save", kind, step))

  def wait(self):
    self.calls.append(("saved",))

  def require_no_failure(self):
    if self.not_written_at == self.step:
      raise InputError("no room for the last step's checkpoint")

  def save_if_best(self, step, dice):
    self.calls.append(("best", step, dice))

  def latest(self):
    return "RUN/checkpoints/last/ckpt-4"

  def owe_validation(self, step):
    self.calls.append(("owe", step))

  def made_up_for(self, step):
    self.calls.append(("made up for", step))

  def validate(self):
    if self.interrupted_at == "validation":
      self.interruption.note(signal.SIGTERM)
    return Validation({"liver": 0.5}, np.zeros([1, 2, 2, 3], np.uint8))

  def write_validation(self, step, validation):
    self.calls.append(("validation", step))

  def write_pictures(self, step, overlays):
    self.calls.append(("pictures", step))


def follow(recorder, intervals):
  return Progress(
    recorder, recorder, recorder, recorder, intervals, recorder, recorder.interruption, recorder
  )


def run(recorder, first, last, intervals):
  progress = follow(recorder, intervals)
  progress.begin(first, last, has_partial=False)
  for batch in range(last - first):
    progress.on_train_batch_end(batch)
  return [call for call in recorder.calls if call[0] not in ("start", "restart_clock")]


def test_each_interval_counts_steps_of_the_whole_run_and_the_last_step_has_all_three():
  calls = run(Recorder(), 3, 8, Intervals(log=2, checkpoint=5, validation=6))
  assert [call[1] for call in calls if call[0] == "log"] == [4, 6, 8]
  assert [call[2] for call in calls if call[0] == "save"] == [5, 6, 8]  # what is validated is saved before
  assert [call[1] for call in calls if call[0] == "best"] == [6, 8]


def test_without_held_out_cases_there_are_pictures_but_no_best():
  calls = run(Recorder(held_out=False), 0, 2, Intervals(1, 1, 1))
  assert ("pictures", 2) in calls and not [call for call in calls if call[0] in ("best", "validation")]


def test_the_clock_starts_again_after_what_is_no_training():
  recorder = Recorder()
  run(recorder, 0, 4, Intervals(log=1, checkpoint=2, validation=100))
  restarts = [call for call in recorder.calls if call[0] in ("start", "restart_clock")]
  assert restarts == [("start", 0), ("restart_clock", 2), ("restart_clock", 4)]


def test_a_loss_that_is_not_finite_ends_the_run_before_anything_is_saved():
  recorder = Recorder()
  recorder.first_bad_step = 5
  with pytest.raises(
    InputError, match=r"not finite at step 5; the last good checkpoint is RUN/checkpoints/last/ckpt-4"
  ):
    run(recorder, 4, 8, Intervals(log=2, checkpoint=2, validation=2))
  assert recorder.calls == [("start", 4)]


@pytest.mark.parametrize("intervals", [Intervals(100, 100, 100), Intervals(1, 3, 100)])
def test_an_interruption_saves_the_step_once_and_ends(intervals):
  recorder = Recorder()
  recorder.interrupted_at = 3
  with pytest.raises(Terminated):
    run(recorder, 0, 8, intervals)
  assert [call for call in recorder.calls if call[0] == "save"] == [("save", "last", 3)]


@pytest.mark.parametrize("when", [4, "validation"])
def test_a_validation_is_not_waited_for_but_owed(when):
  recorder = Recorder()
  recorder.interrupted_at = when
  with pytest.raises(Terminated):
    run(recorder, 0, 8, Intervals(100, 100, 4))
  said = [("saved",), ("said", "saved at step 4")] if when == 4 else []
  assert recorder.calls[1:] == [("owe", 4), ("save", "last", 4), *said]


def test_pictures_alone_are_not_owed():
  calls = run(Recorder(held_out=False), 0, 4, Intervals(100, 100, 4))
  assert calls == [("log", 4, False), ("save", "last", 4), ("pictures", 4)]


def test_an_owed_validation_is_made_up_for():
  recorder = Recorder()
  follow(recorder, Intervals()).make_up_for_validation(4)
  assert recorder.calls == [("validation", 4), ("best", 4, 0.5), ("made up for", 4)]


def test_signals_wait_only_while_steps_are_unsaved():
  recorder = Recorder()
  progress = follow(recorder, Intervals(100, 2, 100))
  progress.begin(0, 8, has_partial=False)
  waits = []
  for batch in range(5):
    progress.on_train_batch_end(batch)
    waits.append(recorder.interruption.unsaved)
  assert waits == [True, False, True, False, True]


def test_events_that_cannot_be_written_end_the_run_after_a_checkpoint():
  recorder = Recorder()
  recorder.full_at = 6
  with pytest.raises(EventsNotWritten):
    run(recorder, 0, 8, Intervals(2, 100, 6))
  assert recorder.calls[-2:] == [("owe", 6), ("save", "last", 6)]


def test_a_checkpoint_that_did_not_reach_the_disk_ends_the_run_at_the_next_step():
  recorder = Recorder()
  recorder.not_written_at = 3
  with pytest.raises(InputError, match="no room"):
    run(recorder, 0, 8, Intervals(100, 2, 100))
  assert recorder.step == 3 and [call[2] for call in recorder.calls if call[0] == "save"] == [2]


def test_what_was_trained_on_another_store_is_not_saved():
  recorder = Recorder()
  recorder.changed_at = 4
  with pytest.raises(InputError, match="the store changed"):
    run(recorder, 0, 8, Intervals(100, 2, 100))
  assert [call for call in recorder.calls if call[0] == "save"] == [("save", "last", 2)]
