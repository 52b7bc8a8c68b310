"""The scores of many cases: metrics.csv, a line for each case and organ, and its summary for metrics.json.

A row is (case id, `OrganScore`).
"""

from __future__ import annotations

import csv
import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from data.input_error import InputError
from data.whole_file import AnyPath, write_text
from deeplab_panns.evidence.text_table import Cell, to_csv
from deeplab_panns.scores.damaged_result import named_if_damaged
from deeplab_panns.scores.metrics import OrganScore

Row = tuple[str, OrganScore]

SCORES = tuple(field.name for field in dataclasses.fields(OrganScore) if field.name != "organ")
COLUMNS = ("case", "organ", *SCORES)


def summary(rows: Iterable[Row]) -> dict[str, Any]:
  """Means over cases, in types that JSON has: what is undefined is None, never NaN.

  `mean_dice` is the mean over organs of each organ's mean over the cases in which its Dice is defined, so an
  organ weighs the same however many cases show it; an organ without any such case is left out of it and
  counted in `organs_without_dice`. Where every organ is defined in every case, this is the plain mean.

  Args:
    rows: one for each case and organ.
  Returns:
    {"mean_dice", "organs": {name: {...}}, "organs_without_dice", "excluded", "missed", "cases"}. An organ has
    the mean of each score over the cases that define it, "dice_sd" (sample standard deviation, from two
    cases on), "cases" scored, how many of these are "excluded" because neither map has the organ, and how
    many are "missed" because just one has it. Outside, "excluded" and "missed" are sums over organs.
  """
  rows = list(rows)
  scores_of: dict[str, list[OrganScore]] = {}
  for _, score in rows:
    scores_of.setdefault(score.organ, []).append(score)
  organs = {organ: _organ_summary(scores) for organ, scores in scores_of.items()}
  organ_dice = [organ["dice"] for organ in organs.values() if organ["dice"] is not None]
  return {
    "mean_dice": statistics.fmean(organ_dice) if organ_dice else None,
    "organs": organs,
    "organs_without_dice": len(organs) - len(organ_dice),
    "excluded": sum(organ["excluded"] for organ in organs.values()),
    "missed": sum(organ["missed"] for organ in organs.values()),
    "cases": len({case for case, _ in rows}),
  }


def _organ_summary(scores: Sequence[OrganScore]) -> dict[str, Any]:
  defined = {
    name: [float(getattr(score, name)) for score in scores if not math.isnan(getattr(score, name))]
    for name in SCORES
  }
  means = {name: statistics.fmean(values) if values else None for name, values in defined.items()}
  return {
    **means,
    "dice_sd": statistics.stdev(defined["dice"]) if len(defined["dice"]) > 1 else None,
    "cases": len(scores),
    "excluded": len(scores) - len(defined["dice"]),
    "missed": len(defined["dice"]) - len(defined["mean_surface_distance_mm"]),
  }


def write_csv(path: AnyPath, rows: Iterable[Row]) -> None:
  """Writes `to_text` of the rows."""
  write_text(path, to_text(rows))


def to_text(rows: Iterable[Row]) -> str:
  """The rows below COLUMNS as CSV, with every digit of a score and `nan` for what is undefined."""
  lines: list[list[Cell]] = [
    [case, score.organ, *(float(getattr(score, name)) for name in SCORES)] for case, score in rows
  ]
  return to_csv([COLUMNS, *lines])


def read_csv(path: AnyPath) -> list[Row]:
  """Reads what `write_csv` wrote.

  Raises:
    InputError: if the file cannot be read, has other columns, or a line that does not fit them.
  """
  with named_if_damaged(path, "a table of scores"), open(path, newline="", encoding="utf-8") as file:
    reader = csv.reader(file)
    header = tuple(next(reader, ()))
    if header != COLUMNS:
      raise ValueError(f"found columns {','.join(header) or 'none'}; needs {','.join(COLUMNS)}")
    return [_parse(path, reader.line_num, cells) for cells in reader]


def _parse(path: AnyPath, line: int, cells: list[str]) -> Row:
  try:
    case, organ, *numbers = cells
    scores = [float(number) for number in numbers]
    if len(scores) != len(SCORES):
      raise ValueError
  except ValueError:
    raise InputError(
      f"{path}, line {line}: found {','.join(cells)!r}; needs a case, an organ and "
      f"{len(SCORES)} numbers (or nan). Mend the line, or evaluate again."
    ) from None
  return case, OrganScore(organ, *scores)
