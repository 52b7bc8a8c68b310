"""Runs the study's tasks, several at a time, in child processes that do not outlive this one."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterable

from data.whole_file import AnyPath
from deeplab_panns.study.tasks import Task

POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0
# A core for each task; evaluate has no flag for it.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")


def run_tasks(
  tasks: Iterable[Task], jobs: int, log_dir: AnyPath, report: Callable[[str], object] = print
) -> dict[str, str]:
  """Runs tasks in their order, `jobs` at a time, each as soon as what it needs is done.

  A task that fails is reported, and all others go on except those that need it. However this function ends,
  by Ctrl-C too, it leaves no process of a task running.

  Args:
    tasks: those that a task needs come before it.
    jobs: how many may run at a time.
    log_dir: gets <task>.log, what the task's commands print.
    report: called with a line for each task that ended.
  Returns:
    {task: why it failed}.
  """
  log_dir = pathlib.Path(log_dir)
  log_dir.mkdir(parents=True, exist_ok=True)
  waiting = {task.name: task for task in tasks}
  count = len(waiting)
  running: list[_Running] = []
  failures: dict[str, str] = {}
  try:
    while waiting or running:
      _start(waiting, running, failures, jobs, log_dir)
      for process in [process for process in running if process.ended()]:
        running.remove(process)
        _close(process, failures)
        report(
          f"[{count - len(waiting) - len(running)}/{count}] {process.task.name}: "
          f"{failures.get(process.task.name, 'done')} ({process.seconds:.0f} s)"
        )
      time.sleep(POLL_SECONDS if running else 0)
  finally:
    for process in running:
      process.stop()
  return failures


def _start(
  waiting: dict[str, Task],
  running: list[_Running],
  failures: dict[str, str],
  jobs: int,
  log_dir: pathlib.Path,
) -> None:
  """Moves tasks from `waiting` to `running` or `failures` as far as can be; drops those that are done."""
  for task in list(waiting.values()):
    unfinished = waiting.keys() | {process.task.name for process in running}
    broken = [name for name in task.needs if name in failures]
    if broken and task.is_done():
      del waiting[task.name]
    elif broken:
      failures[task.name] = f"needs {broken[0]}, which failed"
      del waiting[task.name]
    elif len(running) < jobs and unfinished.isdisjoint(task.needs):
      del waiting[task.name]
      if not task.is_done():  # which looks through all results, and so is not asked of all tasks all the time
        running.append(_Running(task, log_dir / f"{task.name}.log"))


def _close(process: _Running, failures: dict[str, str]) -> None:
  """Finishes the task of a process that ended, or notes why it failed."""
  if process.code:
    failures[process.task.name] = f"{process.last_line()} (exit code {process.code}, {process.log_path})"
    return
  try:
    process.task.finish(process.seconds)
  except (OSError, ValueError) as error:  # InputError is a ValueError
    failures[process.task.name] = f"{error} ({process.log_path})"


class _Running:
  """A task at work: its commands one after the other, each in a process group of its own.

  A Ctrl-C in the terminal does not reach that group: `stop` ends it.

  Attributes:
    code: exit code of the command that ended last; all before it ended with 0.
  """

  def __init__(self, task: Task, log_path: pathlib.Path) -> None:
    self.task, self.log_path = task, log_path
    self.code = 0
    self._commands = list(task.commands)
    self._started = time.monotonic()
    log_path.write_bytes(b"")
    self._process = self._next()

  @property
  def seconds(self) -> float:
    """Seconds since the start."""
    return time.monotonic() - self._started

  def ended(self) -> bool:
    """Whether the last command has ended or one has failed; starts the next one where a command has ended."""
    code = self._process.poll()
    if code is None:
      return False
    if code or not self._commands:
      self.code = code
      return True
    self._process = self._next()
    return False

  def stop(self) -> None:
    """Ends the whole process group, by SIGTERM first, so that commands can clean up."""
    ways: tuple[tuple[signal.Signals, float | None], ...] = (
      (signal.SIGTERM, GRACE_SECONDS),
      (signal.SIGKILL, None),
    )
    for kind, seconds in ways:
      try:
        os.killpg(self._process.pid, kind)
        self._process.wait(seconds)
      except ProcessLookupError:
        return
      except subprocess.TimeoutExpired:
        continue

  def last_line(self) -> str:
    """What the commands printed last."""
    lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it printed nothing")

  def _next(self) -> subprocess.Popen[bytes]:
    with open(self.log_path, "ab") as log:
      return subprocess.Popen(
        self._commands.pop(0),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **_ONE_THREAD},
        start_new_session=True,
      )
