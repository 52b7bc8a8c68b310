"""Makes the runs of a study that have no scores yet."""

from __future__ import annotations

import contextlib
import fcntl
import signal

from data.input_error import InputError
from deeplab_panns.study.jobs import run_tasks
from deeplab_panns.study.tasks import Tasks


def heed_termination():
  """Lets SIGTERM end this process as Ctrl-C does, its children first."""

  def interrupt(*_):
    raise KeyboardInterrupt

  signal.signal(signal.SIGTERM, interrupt)


@contextlib.contextmanager
def alone_in(work_dir):
  """Holds `work_dir` for this process. Raises InputError if another one does."""
  work_dir.mkdir(parents=True, exist_ok=True)
  with open(work_dir / "lock", "w", encoding="utf-8") as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      raise InputError(
        f"{work_dir}: another study works there; wait for it, or choose another --work_dir."
      ) from None
    yield


def run_missing(runs, cache, work_dir, jobs):
  """Makes the runs that have no scores yet; returns {task: why it failed}."""
  with alone_in(work_dir):
    tasks = Tasks(cache, work_dir).for_runs(runs)
    done = sum(cache.find(run) is not None for run in runs)
    print(
      f"{len(runs)} runs, {done} of them done; {len(tasks)} tasks, {jobs} at a time; "
      f"logs in {work_dir / 'logs'}",
      flush=True,
    )
    return run_tasks(tasks, jobs, work_dir / "logs", report=lambda line: print(line, flush=True))
