"""A process that is not the chief: when it looks, and that it leaves signals to the chief."""

import signal

import pytest

from data.input_error import InputError
from deeplab_panns.training.follower import Follower
from deeplab_panns.training.interruption import Interruption
from deeplab_panns.training.progress import Intervals


class Run:
  """Stands for the model and the checkpoints."""

  first_bad_step = -1

  def latest(self):
    return None


def followed(run, steps, interruption=None, intervals=Intervals(2, 100, 100)):  # noqa: B008 - frozen
  follower = Follower(run, run, intervals, interruption or Interruption())
  follower.begin(0, 7, has_partial=False)
  for batch in range(steps):
    follower.on_train_batch_end(batch)


def test_it_ends_at_the_step_at_which_the_chief_does():
  run = Run()
  run.first_bad_step = 1
  followed(run, 1)
  with pytest.raises(InputError, match=r"not finite at step 1; the last good checkpoint is none yet"):
    followed(run, 2)


def test_the_last_step_is_looked_at_too():
  run = Run()
  run.first_bad_step = 7
  with pytest.raises(InputError, match="at step 7"):
    followed(run, 7, intervals=Intervals(100, 100, 100))


def test_a_first_signal_is_only_noted():
  interruption = Interruption()
  followed(Run(), 1, interruption)
  interruption.note(signal.SIGTERM)
  followed(Run(), 7, interruption)
  assert interruption.requested
