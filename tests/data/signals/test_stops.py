"""Signals reach what Python cannot interrupt; a command that cannot be stopped is ended."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from data import command
from data.command import EXIT_TERMINATED, Terminated
from data.signals import stops
from tests.conftest import ROOT

ERRORS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@pytest.fixture(autouse=True)
def only_noted():
  """As in a call of a library: the handler does not raise."""
  before = {number: signal.signal(number, lambda *_: None) for number in ERRORS}
  yield
  for number, handler in before.items():
    signal.signal(number, handler)
  assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize("number, error", ERRORS.items())
def test_a_signal_stops_the_block_in_another_thread_and_is_raised_after_it(number, error):
  stopped, threads = threading.Event(), []

  def stop():
    threads.append(threading.current_thread())
    stopped.set()

  with pytest.raises(error) as raised, stops.stopped_by(stop):
    os.kill(os.getpid(), number)
    assert stopped.wait(20)
    raise ValueError("cancelled")
  assert raised.type is error and threads != [threading.current_thread()]


def test_without_a_signal_nothing_is_stopped_and_errors_are_the_blocks_own():
  with stops.stopped_by(pytest.fail):
    signal.raise_signal(signal.SIGWINCH)
  with pytest.raises(ValueError, match="own"), stops.stopped_by(pytest.fail):
    raise ValueError("own")
  stops.heed()


def test_threads_hear_what_came_before_they_began_and_after():
  heard = []

  def work():
    try:
      with stops.stopped_by(lambda: heard.append("stop")):
        heard.append("work")
    except Terminated:
      heard.append("end")
    try:
      stops.heed()
    except Terminated:
      heard.append("heeded")

  with stops.watched(), stops.watched():
    came = threading.Event()
    with pytest.raises(Terminated), stops.stopped_by(came.set):
      os.kill(os.getpid(), signal.SIGTERM)
      assert came.wait(20)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
  assert heard == ["stop", "work", "end", "heeded"]


def test_a_thread_that_nobody_watches_for_works_as_before():
  done = []
  thread = threading.Thread(target=lambda: done.append(stops.stopped_by(pytest.fail).__enter__()))
  thread.start()
  thread.join()
  assert done == [None]


def test_another_programs_hold_on_signals_is_left_alone():
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  signal.set_wakeup_fd(writer)
  with stops.stopped_by(pytest.fail):
    signal.raise_signal(signal.SIGTERM)
  assert signal.set_wakeup_fd(-1) == writer and os.read(reader, 1)[0] == signal.SIGTERM
  os.close(reader), os.close(writer)


STUCK = """
import os, signal, sys, time
from data import command
from data.signals import stops
stops.GRACE_SECONDS = 0.3
signal.signal(signal.SIGTERM, {handler})
with stops.watched():
  try:
    os.kill(os.getpid(), signal.{name})
    time.sleep(1)
  except KeyboardInterrupt:
    time.sleep(1)  # what does not stop
"""


@pytest.mark.parametrize(
  "handler, name, code",
  [
    ("command.interrupt", "SIGTERM", EXIT_TERMINATED),
    pytest.param("command.interrupt", "SIGINT", 0, marks=pytest.mark.slow),
    pytest.param("lambda *_: None", "SIGTERM", 0, marks=pytest.mark.slow),
  ],
)
def test_a_command_that_cannot_be_stopped_ends_after_a_while(handler, name, code):
  ended = subprocess.run(
    [sys.executable, "-c", STUCK.format(handler=handler, name=name)],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=60,
  )
  assert ended.returncode == code, ended.stderr
  assert ended.stderr == (f"error: {command.TERMINATED}\n" if code else "")
