"""Cases in order or side by side, and the time that is left."""

import os
import signal
import threading

import numpy as np
import pytest

from data.command import Terminated, interrupt
from data.input_error import InputError
from deeplab_panns.portable.slices import SliceGrid, SliceLabeller
from deeplab_panns.prediction.case_queue import CaseQueue, spoken


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_case_comes_once_with_its_result_or_its_failure(jobs):
  def work(name, scan):
    if name == "b":
      raise InputError("b: is broken")
    return scan * 2

  queue = CaseQueue(work, {"a": 1, "b": 2, "c": 3}, jobs)
  results = dict(queue)
  assert results["a"] == 2 and results["c"] == 6 and str(results["b"]) == "b: is broken"
  assert queue.done == 3 and queue.time_left() == ""
  if jobs == 1:
    assert list(results) == ["a", "b", "c"]


def test_so_many_are_in_hand_at_a_time():
  barrier = threading.Barrier(3, timeout=20)  # breaks with fewer
  list(CaseQueue(lambda name, scan: barrier.wait(), dict.fromkeys("abc", 0), 3))


def test_what_is_no_failure_of_a_case_ends_all():
  def work(name, scan):
    raise ZeroDivisionError

  for jobs in (1, 2):
    with pytest.raises(ZeroDivisionError):
      list(CaseQueue(work, {"a": 0, "b": 0}, jobs))


def test_the_time_that_is_left_follows_the_cases_so_far(monkeypatch):
  """The first fails at once and the second had been finished before; the others take a minute each."""
  now = iter([0.0, 0.0, 60.0, 120.0])
  monkeypatch.setattr("time.monotonic", lambda: next(now))
  results = {"a": InputError("a: is broken"), "b": None, "c": 1, "d": 1, "e": 1}

  def work(name, scan):
    if isinstance(results[name], Exception):
      raise results[name]
    return results[name]

  queue = CaseQueue(work, dict.fromkeys(results, 0))
  left = [queue.time_left() for _ in queue]
  assert left == ["", "", "; about 2 min to go", "; about 60 s to go", ""]


def test_lengths_of_time_have_one_unit():
  assert [spoken(seconds) for seconds in (0.2, 89, 200, 9000)] == ["1 s", "89 s", "3 min", "2.5 h"]


def test_networks_in_threads_stop_at_a_signal():
  """A case of minutes, worked on beside another: its next slab is its last."""
  slabs = []

  def network(images):
    slabs.append(threading.current_thread())
    if len(slabs) == 2:
      os.kill(os.getpid(), signal.SIGTERM)
      threading.Event().wait(0.3)  # until it is heard
    return np.ones([*images.shape[:-1], 2], np.float32)

  labeller = SliceLabeller(network, SliceGrid((-125, 275), (None, None, None), "axial", 1))
  before = signal.signal(signal.SIGTERM, interrupt)
  try:
    with pytest.raises(Terminated):
      list(CaseQueue(lambda *_: labeller.labels(np.zeros([800_000, 1, 1]), (1, 1, 1)), {"a": 0, "b": 0}, 2))
  finally:
    signal.signal(signal.SIGTERM, before)
  assert len(slabs) < 50_000 and threading.main_thread() not in slabs
