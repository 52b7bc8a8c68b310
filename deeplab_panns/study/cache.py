"""The cache of the study: a table of scores for each run that was made, small enough to be committed."""

from __future__ import annotations

import csv
import pathlib

from data.whole_file import write_text
from deeplab_panns.evidence.text_table import to_csv
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.study.planned_runs import Run

_RUNS = ("run", "seconds", "flags")


class Cache:
  """RESULTS/<part>/<cell>-seed<k>-<hash>.csv, and runs.csv there: what each run took, and how it was made."""

  def __init__(self, results_dir, part):
    self._results_dir = pathlib.Path(results_dir)
    self.folder = self._results_dir / part

  def find(self, run: Run):
    """The run's file, made for this part or another one; None if there is none."""
    return next(iter(sorted(self._results_dir.glob(f"*/*-{run.key}.csv"))), None)

  def read(self, run: Run):
    """A list of (case id, OrganScore), or None. Raises InputError if the file is damaged."""
    path = self.find(run)
    return None if path is None else score_table.read_csv(path)

  def keep(self, run: Run, metrics_path, seconds):
    """Takes over the metrics.csv of an evaluation, rounded to 4 digits."""
    rows = [(case, _rounded(score)) for case, score in score_table.read_csv(metrics_path)]
    self.folder.mkdir(parents=True, exist_ok=True)
    self._note(run, seconds)
    score_table.write_csv(self.folder / f"{run.name}.csv", rows)  # last: it says that the run is done

  def _note(self, run, seconds):
    path = self.folder / "runs.csv"
    lines = [list(_RUNS)]
    if path.exists():
      lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    lines = [line for line in lines if line[0] != run.name]
    flags = " ".join(f"--{name}={value}" for name, value in sorted(run.flags.items()))
    noted = [run.name, f"{seconds:.0f}", f"{run.cohort.name}: {flags}"]
    write_text(path, to_csv([*lines, noted]))


def _rounded(score):
  return OrganScore(score.organ, *(float(f"{getattr(score, name):.4g}") for name in score_table.SCORES))
