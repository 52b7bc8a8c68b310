"""What the runs of a study need, as tasks in an order that works: patients, stage 1, training, evaluation."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from data.whole_file import AnyPath
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.planned_runs import Run, SeedCohort

Arguments = tuple[str, ...]
"""A command as the system takes it: the program first."""


@dataclasses.dataclass(frozen=True)
class Task:
  """Commands that belong together, and what must come first.

  Attributes:
    name: names its log; unique.
    commands: run one after the other.
    needs: names of tasks that come first.
    is_done: says whether there is nothing left to do.
    finish: called with the seconds it took when all commands ended with 0.
  """

  name: str
  commands: tuple[Arguments, ...]
  needs: tuple[str, ...]
  is_done: Callable[[], bool]
  finish: Callable[[float], None]


class Tasks:
  """Collects the tasks of runs, each task once, however many runs need it."""

  def __init__(self, cache: Cache, work_dir: AnyPath) -> None:
    self._cache = cache
    self._work_dir = pathlib.Path(work_dir).resolve()
    self._tasks: dict[str, Task] = {}

  def for_runs(self, runs: Sequence[Run]) -> list[Task]:
    """The tasks of all runs that have no scores yet; of several cells with one key the first."""
    made = {run.key: run for run in reversed(runs)}
    for run in runs:
      if made[run.key] is run and self._cache.find(run) is None:
        self._add_run(run)
    return list(self._tasks.values())

  def _add_run(self, run: Run) -> None:
    folder = self._work_dir / "runs" / run.key
    train = _train({**run.flags, "stage1_run": str(self._stage1_dir(run))}, self._store(run.cohort), folder)
    evaluate = _python(
      "deeplab_panns.evaluate",
      f"--run_dir={folder}",
      "--split=test",
      "--workers=1",
      f"--output_dir={folder / 'scores'}",
    )

    def finish(seconds: float) -> None:
      self._cache.keep(run, folder / "scores" / "metrics.csv", seconds)
      shutil.rmtree(folder)

    needs = (self._add_stage1(run), self._add_cohort(run.cohort))
    self._add(Task(run.name, (train, evaluate), needs, lambda: self._cache.find(run) is not None, finish))

  def _add_stage1(self, run: Run) -> str:
    cohort = run.stage1_cohort
    name = f"stage1-{cohort.name}-seed{run.seed}-{run.stage1_key}"
    folder = self._stage1_dir(run)
    train = _train(run.stage1_flags, self._store(cohort), folder)
    finished = folder / "finished"
    needs = (self._add_cohort(cohort),)
    return self._add(Task(name, (train,), needs, finished.exists, lambda _: finished.touch()))

  def _add_cohort(self, cohort: SeedCohort) -> str:
    name = f"{cohort.name}-seed{cohort.seed}-{cohort.key}"
    raw, store = self._work_dir / "raw" / name, self._store(cohort)
    (make, *make_flags), (prepare, *prepare_flags) = cohort.commands
    folders = f"--manifest={raw / 'dataset.json'}", f"--output_dir={store}"
    commands = (
      _python(make, *make_flags, f"--seed={cohort.seed}", f"--output_dir={raw}"),
      _python(prepare, *prepare_flags, *folders, "--workers=1"),
    )
    return self._add(Task(name, commands, (), (store / "index.json").exists, lambda _: shutil.rmtree(raw)))

  def _add(self, task: Task) -> str:
    self._tasks.setdefault(task.name, task)
    return task.name

  def _store(self, cohort: SeedCohort) -> pathlib.Path:
    return self._work_dir / "stores" / f"{cohort.name}-seed{cohort.seed}-{cohort.key}"

  def _stage1_dir(self, run: Run) -> pathlib.Path:
    return self._work_dir / "stage1" / run.stage1_key


def _train(flags: Mapping[str, str], store: pathlib.Path, run_dir: pathlib.Path) -> Arguments:
  words = [f"--{name}={value}" for name, value in flags.items()]
  return _python("deeplab_panns.train", *words, f"--data_dir={store}", f"--run_dir={run_dir}", "--threads=1")


def _python(module: str, *words: str) -> Arguments:
  return (sys.executable, "-m", module, *words)
