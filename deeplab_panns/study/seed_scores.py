"""The Dice of a part's cells as arrays, seed by seed."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from data.arrays import Floats
from data.input_error import InputError
from deeplab_panns.evidence.defined_values import defined_mean
from deeplab_panns.scores.score_table import Row
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.plan import Cell
from deeplab_panns.study.planned_runs import Run


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
  """The scores of one cell.

  Attributes:
    organs: in the order of the columns of `dice`.
    dice: {seed: [cases, organs]} of the seeds that were run, NaN where neither map has the organ.
    cases: {seed: ids of its cases}, in the order of the rows.
    missing: seeds that were not run.
    log_sizes: {seed: mean log ratio of drawn to true sizes}, of stage 1 by itself.
  """

  cell: Cell
  organs: tuple[str, ...]
  dice: dict[int, Floats]
  cases: dict[int, tuple[str, ...]]
  missing: tuple[int, ...]
  log_sizes: dict[int, float] = dataclasses.field(default_factory=dict)

  @property
  def seed_means(self) -> dict[int, float]:
    """{seed: mean over organs of the means over cases}, as in metrics.json."""
    return {seed: defined_mean(defined_mean(table, axis=0)) for seed, table in self.dice.items()}

  @property
  def organ_means(self) -> Floats:
    """[organs]: means over the cases of all seeds."""
    return defined_mean(np.concatenate(list(self.dice.values())), axis=0)

  @property
  def volumes(self) -> int:
    """The number of cases over all seeds."""
    return sum(len(table) for table in self.dice.values())

  @property
  def excluded(self) -> int:
    """The number of pairs of volume and organ that do not count, since neither map has the organ."""
    return sum(int(np.isnan(table).sum()) for table in self.dice.values())


def load(cell: Cell, runs: Iterable[Run], cache: Cache) -> Scores:
  """The scores of a cell from the cache.

  Args:
    runs: those of the cell.
  Raises:
    InputError: If a file is damaged.
  """
  organs: tuple[str, ...] = ()
  dice: dict[int, Floats] = {}
  cases: dict[int, tuple[str, ...]] = {}
  log_sizes: dict[int, float] = {}
  missing = []
  for run in runs:
    path, rows = cache.find(run), cache.read(run)
    if path is None or rows is None:
      missing.append(run.seed)
      continue
    organs = organs or tuple(dict.fromkeys(score.organ for _, score in rows))
    cases[run.seed] = tuple(sorted({case for case, _ in rows}))  # one order in all runs of a seed
    dice[run.seed] = _table(path, rows, cases[run.seed], organs)
    log_size = cache.read_log_size(run)
    if log_size is not None:
      log_sizes[run.seed] = log_size
  return Scores(cell, organs, dice, cases, tuple(missing), log_sizes)


def _table(path: pathlib.Path, rows: Sequence[Row], cases: Sequence[str], organs: Sequence[str]) -> Floats:
  """[cases, organs]."""
  dice = {(case, score.organ): score.dice for case, score in rows}
  if len(dice) != len(rows) or dice.keys() != {(case, organ) for case in cases for organ in organs}:
    raise InputError(
      f"{path}: has {len(rows)} lines for {len(cases)} cases and {len(organs)} organs; remove it, and run "
      "the study again."
    )
  return np.array([[dice[case, organ] for organ in organs] for case in cases])


def values_by_seed(*cells: Scores) -> dict[int, Floats]:
  """{seed: [cells, volumes]} of the seeds that all cells have.

  A value is the mean over the organs that all of the cells define in that volume. Volumes without such an
  organ are left out, and a seed without such volumes.

  Raises:
    InputError: If the cells were scored on other patients or organs.
  """
  first, found = cells[0], {}
  for seed in sorted(set.intersection(*(set(cell.dice) for cell in cells))):
    for cell in cells:
      if cell.organs != first.organs or cell.cases[seed] != first.cases[seed]:
        raise InputError(
          f"seed {seed}: {cell.cell.name} was scored on other patients or organs than {first.cell.name}; "
          "remove the scores of both, and run the study again."
        )
    tables = np.stack([cell.dice[seed] for cell in cells])
    defined = ~np.isnan(tables).any(axis=0)
    values = defined_mean(np.where(defined, tables, np.nan), axis=2)[:, defined.any(axis=1)]
    if values.size:
      found[seed] = values
  return found
