"""Signals raise at once where nothing would be lost; else the first waits. Handlers come back."""

import os
import signal
import threading

import pytest

from data.command import Terminated
from deeplab_panns.training.interruption import Interruption, heeded

ERRORS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@pytest.mark.parametrize("number", ERRORS)
def test_the_first_waits_for_unsaved_steps_and_the_second_does_not(number):
  before = signal.getsignal(number)
  with pytest.raises(ERRORS[number]), heeded() as interruption:
    interruption.unsaved = True
    os.kill(os.getpid(), number)
    assert interruption.requested
    os.kill(os.getpid(), number)
  assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", ERRORS)
def test_without_unsaved_steps_it_raises_at_once(number):
  with pytest.raises(ERRORS[number]), heeded():
    os.kill(os.getpid(), number)
    raise AssertionError("the signal was only noted")


def test_the_one_that_was_noted_decides_the_error():
  interruption = Interruption()
  interruption.heed()
  interruption.unsaved = True
  interruption.note(signal.SIGTERM)
  with pytest.raises(Terminated):
    interruption.heed()


def test_another_thread_goes_on_without():
  seen = []

  def work():
    with heeded() as interruption:
      seen.append(interruption.requested)

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [False]
