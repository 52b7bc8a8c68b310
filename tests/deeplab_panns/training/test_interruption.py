"""The first signal is noted, the second interrupts, and handlers come back."""

import os
import signal
import threading

import pytest

from deeplab_panns.training.interruption import heeded


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_interrupts(number):
  before = signal.getsignal(number)
  with pytest.raises(KeyboardInterrupt), heeded() as interruption:
    assert not interruption.requested
    os.kill(os.getpid(), number)
    assert interruption.requested
    os.kill(os.getpid(), number)
  assert signal.getsignal(number) is before


def test_another_thread_goes_on_without():
  seen = []

  def work():
    with heeded() as interruption:
      seen.append(interruption.requested)

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [False]
