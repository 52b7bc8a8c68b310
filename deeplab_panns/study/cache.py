"""The cache of the study: a table of scores for each run that was made, small enough to be committed."""

from __future__ import annotations

import csv
import pathlib

from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence.text_table import to_csv
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.study.planned_runs import Run

_RUNS = ("run", "seconds", "flags")


class Cache:
  """The scores that were kept, in a folder for each part.

  There are <cell>-seed<k>-<hash>.csv for each run, and runs.csv: what each run took, and how it was made.

  Attributes:
    folder: of the part.
  """

  def __init__(self, results_dir: AnyPath, part: str) -> None:
    self._results_dir = pathlib.Path(results_dir)
    self.folder = self._results_dir / part

  def find(self, run: Run) -> pathlib.Path | None:
    """The run's file, made for this part or another one; None if there is none."""
    return next(iter(sorted(self._results_dir.glob(f"*/*-{run.key}.csv"))), None)

  def read(self, run: Run) -> list[score_table.Row] | None:
    """The run's scores, None if there are none. Raises InputError if the file is damaged."""
    path = self.find(run)
    return None if path is None else score_table.read_csv(path)

  def keep(self, run: Run, metrics_path: AnyPath, seconds: float) -> None:
    """Takes over the metrics.csv of an evaluation, rounded to 4 digits."""
    rows = [(case, _rounded(score)) for case, score in score_table.read_csv(metrics_path)]
    self.folder.mkdir(parents=True, exist_ok=True)
    self._note(run, seconds)
    score_table.write_csv(
      self.folder / f"{run.name}.csv", rows
    )  # last, since this file marks the run as done

  def _note(self, run: Run, seconds: float) -> None:
    path = self.folder / "runs.csv"
    lines = [list(_RUNS)]
    if path.exists():
      lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    lines = [line for line in lines if line[0] != run.name]
    flags = " ".join(f"--{name}={value}" for name, value in sorted(run.flags.items()))
    noted = [run.name, f"{seconds:.0f}", f"{run.cohort.name}: {flags}"]
    write_text(path, to_csv([*lines, noted]))


def _rounded(score: OrganScore) -> OrganScore:
  return OrganScore(score.organ, *(float(f"{getattr(score, name):.4g}") for name in score_table.SCORES))
