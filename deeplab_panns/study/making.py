"""Makes the runs of a study that have no scores yet."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from data.files.file_lock import locked
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.jobs import run_tasks
from deeplab_panns.study.planned_runs import Run
from deeplab_panns.study.tasks import Tasks


def run_missing(runs: Sequence[Run], cache: Cache, work_dir: pathlib.Path, jobs: int) -> dict[str, str]:
  """Makes the runs that have no scores yet, and prints how it goes.

  Args:
    runs: those that are wanted.
    cache: gets their scores.
    work_dir: for patients, first stages and logs; locked meanwhile, so that no other study works there.
    jobs: how many tasks may run at a time.
  Returns:
    {task: why it failed}.
  Raises:
    InputError: If another study holds `work_dir`.
  """
  held = f"{work_dir}: another study works there; wait for it, or choose another --work_dir."
  with locked(work_dir / "lock", if_held=held):
    tasks = Tasks(cache, work_dir).for_runs(runs)
    done = sum(cache.find(run) is not None for run in runs)
    _print(
      f"{len(runs)} runs, {done} of them done; {len(tasks)} tasks, {jobs} at a time; "
      f"logs in {work_dir / 'logs'}"
    )
    return run_tasks(tasks, jobs, work_dir / "logs", report=_print)


def _print(line: str) -> None:
  print(line, flush=True)
