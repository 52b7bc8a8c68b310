"""The scores of all folds as those of one evaluation, which has every fully labelled case once."""

from __future__ import annotations

import json
import math
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from data.arrays import Integers
from data.input_error import InputError
from data.whole_file import write_text
from deeplab_panns.scores import confusion, how_scored, organ_volumes, score_table
from deeplab_panns.scores.metrics import OrganScore

# (case, its score of one organ), as score_table reads them.
FILES = ("metrics.csv", "metrics.json", "volumes.csv", "confusion.csv")
_OF_ALL_FOLDS = ("grid", "data_dir", "label_organs", "checkpoint", "step", how_scored.KEY)
Rows = Sequence[tuple[str, OrganScore]]


def read_summary(fold_dir: pathlib.Path) -> dict[str, Any]:
  """metrics.json of a fold; {} if it was not evaluated or the file is damaged."""
  try:
    content = json.loads((pathlib.Path(fold_dir) / "metrics.json").read_text(encoding="utf-8"))
  except (OSError, ValueError):
    return {}
  return content if isinstance(content, dict) else {}


def merge(
  fold_dirs: dict[int, pathlib.Path], expected: dict[int, list[str]], run_dir: pathlib.Path
) -> dict[str, Any]:
  """Writes RUN/metrics.csv, volumes.csv, confusion.csv and, last, metrics.json.

  Args:
    fold_dirs: {fold: folder with these four files of the test cases}.
    expected: {fold: ids of the cases that the store holds out in it}.
  Returns:
    The content of metrics.json: score_table's summary over all cases, and "over_cases" and "over_folds": mean
    and sample standard deviation ("sd", None of one value) of the cases' and of the folds' mean Dice.
  Raises:
    InputError: If a fold was scored on other cases or organs, a case is in two folds, or a file is damaged.
  """
  rows_of = {
    fold: score_table.read_csv(pathlib.Path(folder) / "metrics.csv") for fold, folder in fold_dirs.items()
  }
  _require_each_case_once(rows_of, fold_dirs, expected)
  summaries = {fold: read_summary(folder) for fold, folder in fold_dirs.items()}
  rows = [row for fold_rows in rows_of.values() for row in fold_rows]
  first = next(iter(summaries.values()))
  content = {
    "split": "test",
    **{key: first[key] for key in _OF_ALL_FOLDS if key in first},
    "fold": list(fold_dirs),
    "run_dirs": [str(pathlib.Path(folder).resolve()) for folder in fold_dirs.values()],
    **score_table.summary(rows),
    "over_cases": _spread(case_means(rows)),
    "over_folds": _spread(
      {str(fold): score_table.summary(fold_rows)["mean_dice"] for fold, fold_rows in rows_of.items()}
    ),
    **{
      key: {case: value for summary in summaries.values() for case, value in summary.get(key, {}).items()}
      for key in ("references", "first_of_patient")
    },
    "seen_in_training": _seen(summaries.values()),
  }
  volumes = [
    volume
    for folder in fold_dirs.values()
    for volume in organ_volumes.read_csv(pathlib.Path(folder) / "volumes.csv")
  ]
  organs, counts = _confusion(fold_dirs)
  score_table.write_csv(pathlib.Path(run_dir) / "metrics.csv", rows)
  organ_volumes.write_csv(pathlib.Path(run_dir) / "volumes.csv", volumes)
  confusion.write_csv(pathlib.Path(run_dir) / "confusion.csv", organs, counts)
  write_text(pathlib.Path(run_dir) / "metrics.json", json.dumps(content, indent=1, allow_nan=False))
  return content


def _seen(summaries: Iterable[Mapping[str, Any]]) -> list[str] | None:
  """Scored cases that a fold's network was trained on; None if none is known and not all folds can tell."""
  of_folds = [summary.get("seen_in_training", []) for summary in summaries]
  seen = [case for cases in of_folds for case in cases or ()]
  return seen if seen or None not in of_folds else None


def case_means(rows: Rows) -> dict[str, float | None]:
  """{case: mean Dice over the organs that define it}; None for a case without any."""
  dice: dict[str, list[float]] = {}
  for case, score in rows:
    dice.setdefault(case, []).append(score.dice)
  defined = {case: [value for value in values if not math.isnan(value)] for case, values in dice.items()}
  return {case: statistics.fmean(values) if values else None for case, values in defined.items()}


def _spread(means: Mapping[str, float | None]) -> dict[str, Any]:
  defined = [value for value in means.values() if value is not None]
  return {
    "mean_dice": statistics.fmean(defined) if defined else None,
    "sd": statistics.stdev(defined) if len(defined) > 1 else None,
    "each": means,
  }


def _confusion(fold_dirs: dict[int, pathlib.Path]) -> tuple[tuple[str, ...], Integers]:
  """(organs, voxel counts summed over the folds)."""
  of_folds = {
    fold: confusion.read_csv(pathlib.Path(folder) / "confusion.csv") for fold, folder in fold_dirs.items()
  }
  organs = next(iter(of_folds.values()))[0]
  for fold, (others, _) in of_folds.items():
    if others != organs:
      raise InputError(
        f"{fold_dirs[fold]}: confusion.csv has the organs {', '.join(others)}, another fold's "
        f"{', '.join(organs)}; evaluate both "
        "again on one store."
      )
  return organs, np.sum([counts for _, counts in of_folds.values()], axis=0)


def _require_each_case_once(
  rows_of: Mapping[int, Rows], fold_dirs: dict[int, pathlib.Path], expected: dict[int, list[str]]
) -> None:
  seen: dict[str, int] = {}
  for fold, rows in rows_of.items():
    cases = {case for case, _ in rows}
    for case in sorted(cases):
      if case in seen:
        raise InputError(
          f"{fold_dirs[fold]}: scores the case {case!r}, as {fold_dirs[seen[case]]} does; a case belongs to "
          "one fold: "
          "evaluate both again on one store."
        )
      seen[case] = fold
    if cases != set(expected[fold]):
      raise InputError(
        f"{fold_dirs[fold]}: scores {len(cases)} cases, the store's fold {fold} has {len(expected[fold])}, "
        "and these are not "
        f"the same: {', '.join(sorted(cases ^ set(expected[fold]))[:3])}; delete its metrics.json and run "
        "crossval again."
      )
