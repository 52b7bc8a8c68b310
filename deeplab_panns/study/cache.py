"""The cache of the study: a table of scores for each run that was made, small enough to be committed.

Of stage 1 by itself (a run of no step of stage 2) it also keeps how large organs are drawn.
"""

from __future__ import annotations

import collections
import csv
import math
import pathlib
import statistics
from collections.abc import Iterable

from data.input_error import InputError
from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence.text_table import to_csv
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.organ_volumes import OrganVolume, read_csv
from deeplab_panns.study.planned_runs import Run

_RUNS = ("run", "seconds", "flags")
_SIZES = ("run", "log_size_ratio")
LEAST_SIZE = 0.1  # an organ that is not drawn counts as drawn at a tenth of its size: a logarithm has no zero


class Cache:
  """The scores that were kept, in a folder for each part.

  There are <cell>-seed<k>-<hash>.csv for each run, runs.csv: what each run took, and how it was made; and
  sizes.csv: `log_size_ratio` of each stage 1.

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
    flags = " ".join(f"--{name}={value}" for name, value in sorted(run.flags.items()))
    self._note("runs.csv", _RUNS, [run.name, f"{seconds:.0f}", f"{run.cohort.name}: {flags}"])
    if run.flags.get("stage2_steps") == "0":
      volumes = read_csv(pathlib.Path(metrics_path).with_name("volumes.csv"))
      self._note("sizes.csv", _SIZES, [run.name, f"{log_size_ratio(volumes):.4f}"])
    score_table.write_csv(
      self.folder / f"{run.name}.csv", rows
    )  # last, since this file marks the run as done

  def read_log_size(self, run: Run) -> float | None:
    """`log_size_ratio` of a run on its test volumes; None where it was not kept.

    Raises:
      InputError: If the file is damaged.
    """
    found = self.find(run)
    path = None if found is None else found.with_name("sizes.csv")
    if path is None or not path.exists():
      return None
    kept = {line[0].rpartition("-")[2]: line[1:] for line in _lines(path)[1:] if line}
    try:
      return float(kept[run.key][0]) if run.key in kept else None
    except (ValueError, IndexError):
      raise InputError(
        f"{path}: is damaged; remove it and the scores of {run.name}, and run again."
      ) from None

  def _note(self, file: str, header: tuple[str, ...], noted: list[str]) -> None:
    """Adds a line to a table, in place of one of the same run."""
    path = self.folder / file
    lines = _lines(path) if path.exists() else [list(header)]
    write_text(path, to_csv([*(line for line in lines if line[0] != noted[0]), noted]))


def _lines(path: pathlib.Path) -> list[list[str]]:
  return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def log_size_ratio(volumes: Iterable[OrganVolume]) -> float:
  """The mean over organs of log(predicted / reference), summed over the cases, at least log LEAST_SIZE."""
  sums: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
  for volume in volumes:
    sums[volume.organ][0] += volume.predicted_ml
    sums[volume.organ][1] += volume.reference_ml
  ratios = [max(LEAST_SIZE, predicted / true) for predicted, true in sums.values() if true]
  return statistics.fmean(map(math.log, ratios)) if ratios else 0.0


def _rounded(score: OrganScore) -> OrganScore:
  return OrganScore(score.organ, *(float(f"{getattr(score, name):.4g}") for name in score_table.SCORES))
