"""Tasks at a time: order, failures, and no process left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from deeplab_panns.study.jobs import run_tasks
from deeplab_panns.study.tasks import Task
from tests.conftest import ROOT, start_interruptible


def task(name, *codes, needs=(), finish=lambda seconds: None):
  """A task of one command for each piece of Python code."""
  commands = tuple((sys.executable, "-c", code) for code in codes)
  return Task(name, commands, tuple(needs), lambda: False, finish)


def test_what_is_needed_comes_first_and_commands_one_after_the_other(tmp_path):
  note = f"open({str(tmp_path / 'notes')!r}, 'a').write"
  tasks = [
    task("c", f"{note}('c')", needs=("a", "b")),
    task("b", f"{note}('b')"),
    task("a", "import time; time.sleep(0.3)", f"{note}('a')"),
  ]
  assert run_tasks(tasks, 3, tmp_path, report=lambda _: None) == {}
  assert (tmp_path / "notes").read_text() in ("abc", "bac")


def test_a_failure_has_its_last_line_and_its_log(tmp_path):
  finished = []
  bad = "print('x'); raise SystemExit('error: too big')"
  tasks = [
    task("bad", bad, "print('never')", finish=finished.append),
    task("good", "pass", finish=finished.append),
    task("after", "pass", needs=("bad",)),
  ]
  lines = []
  failures = run_tasks(tasks, 2, tmp_path, report=lines.append)
  assert failures == {
    "bad": f"error: too big (exit code 1, {tmp_path / 'bad.log'})",
    "after": "needs bad, which failed",
  }
  assert len(finished) == 1 and len(lines) == 2 and any("too big" in line for line in lines)


def test_results_that_cannot_be_kept_are_a_failure(tmp_path):
  def finish(_):
    raise OSError("no space")

  failures = run_tasks([task("one", "pass", finish=finish)], 1, tmp_path, report=lambda _: None)
  assert "no space" in failures["one"]


def test_children_get_one_thread(tmp_path):
  code = "import os; assert os.environ['OMP_NUM_THREADS'] == os.environ['TF_NUM_INTRAOP_THREADS'] == '1'"
  assert not run_tasks([task("one", code)], 1, tmp_path, report=lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_ends_the_children_and_theirs(tmp_path, signal_name):
  """A study in a process of its own, whose child has a child: after the signal none of the three is there."""
  child = f"""
import subprocess, sys
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(sleeper.pid))
sleeper.wait()
"""
  code = f"""
import signal, sys
from deeplab_panns.study.jobs import run_tasks
from deeplab_panns.study.tasks import Task
signal.signal(signal.SIGTERM, signal.default_int_handler)  # as data.command does
run_tasks([Task("one", ((sys.executable, "-c", {child!r}),), (), lambda: False, print)], 1, {str(tmp_path)!r})
"""
  study = start_interruptible([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
  pid = wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), study)
  study.send_signal(getattr(signal, signal_name))
  assert study.wait(30) != 0
  assert wait_for(lambda: not is_alive(int(pid)), None)


def wait_for(condition, process, seconds=60):
  deadline = time.monotonic() + seconds
  while time.monotonic() < deadline:
    found = condition()
    if found:
      return found
    assert process is None or process.poll() is None
    time.sleep(0.05)
  raise AssertionError("nothing happened")


def is_alive(pid):
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  # An orphan that init has not collected yet is dead all the same.
  with open(f"/proc/{pid}/stat") as file:
    return file.read().rpartition(")")[2].split()[0] != "Z"
