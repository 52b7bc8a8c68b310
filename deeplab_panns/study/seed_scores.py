"""The Dice of a part's cells as arrays, and their comparisons: over seeds, and with the oracle."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.input_error import InputError
from deeplab_panns.evidence import paired_tests
from deeplab_panns.report.results import defined_mean
from deeplab_panns.study.plan import Cell

# Names of cells: all are compared with the first, and the gap to be closed is between the two.
BASELINE, ORACLE = "full", "oracle"
INTERVAL_SEEDS = 3  # fewer have an interval that says nothing; a p-value needs paired_tests.MIN_PAIRS


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
  """One cell.

  Attributes:
    dice: {seed: [cases, organs]} of the seeds that were run, NaN where neither map has the organ.
    cases: {seed: ids of its cases}.
    missing: seeds that were not.
  """

  cell: Cell
  organs: tuple[str, ...]
  dice: dict[int, np.ndarray]
  cases: dict[int, tuple[str, ...]]
  missing: tuple[int, ...]

  @property
  def seed_means(self):
    """{seed: mean over organs of the means over cases}, as in metrics.json."""
    return {seed: float(defined_mean(defined_mean(table, axis=0))) for seed, table in self.dice.items()}

  @property
  def organ_means(self):
    """[organs]: means over the cases of all seeds."""
    return defined_mean(np.concatenate(list(self.dice.values())), axis=0)

  @property
  def volumes(self):
    return sum(len(table) for table in self.dice.values())

  @property
  def excluded(self):
    """Pairs of volume and organ that count nowhere, since neither map has the organ."""
    return sum(int(np.isnan(table).sum()) for table in self.dice.values())


def load(cell: Cell, runs, cache):
  """The Scores of a cell from the cache; runs: its Runs. Raises InputError if a file is damaged."""
  dice, ids, organs, missing = {}, {}, (), []
  for run in runs:
    rows = cache.read(run)
    if rows is None:
      missing.append(run.seed)
      continue
    organs = organs or tuple(dict.fromkeys(score.organ for _, score in rows))
    ids[run.seed] = tuple(
      sorted({case for case, _ in rows})
    )  # so that two runs of a seed have theirs in one order
    dice[run.seed] = _table(cache.find(run), rows, ids[run.seed], organs)
  return Scores(cell, organs, dice, ids, tuple(missing))


def _table(path, rows, cases, organs):
  by_place = {(case, score.organ): score.dice for case, score in rows}
  if len(by_place) != len(rows) or by_place.keys() != {(case, organ) for case in cases for organ in organs}:
    raise InputError(
      f"{path}: has {len(rows)} lines for {len(cases)} cases and {len(organs)} organs; remove "
      "it, and run the study again."
    )
  return np.array([[by_place[case, organ] for organ in organs] for case in cases])


def values_by_seed(*cells: Scores):
  """{seed: [cells, volumes]} of the seeds that all cells have; a value is the mean over the organs that all
  define.

  Volumes without such an organ are left out, and a seed without such volumes.

  Raises:
    InputError: If the cells were scored on other patients or organs.
  """
  first, found = cells[0], {}
  for seed in sorted(set.intersection(*(set(cell.dice) for cell in cells))):
    for cell in cells:
      if cell.organs != first.organs or cell.cases[seed] != first.cases[seed]:
        raise InputError(
          f"seed {seed}: {cell.cell.name} was scored on other patients or organs than {first.cell.name}; "
          "remove the "
          "scores of both, and run the study again."
        )
    tables = np.stack([cell.dice[seed] for cell in cells])
    defined = ~np.isnan(tables).any(axis=0)
    values = defined_mean(np.where(defined, tables, np.nan), axis=2)[:, defined.any(axis=1)]
    if values.size:
      found[seed] = values
  return found


@dataclasses.dataclass(frozen=True)
class Gain:
  """What a cell has above another one. A seed is one pair, its value the mean over its volumes.

  The volumes of a seed share their training runs and their labelled patients: counted as independent pairs
  they make intervals far too narrow.

  Attributes:
    by_seed: {seed: mean difference}.
  """

  by_seed: dict[int, float]

  @property
  def difference(self):
    """Mean over seeds."""
    return float(np.mean(self._differences))

  @property
  def interval(self):
    """(low, high) of the mean over seeds, 95 %, by Student's t; None below INTERVAL_SEEDS."""
    return paired_tests.mean_interval(self._differences) if len(self.by_seed) >= INTERVAL_SEEDS else None

  @property
  def p(self):
    """Of Student's t-test, two-sided, not corrected; None below paired_tests.MIN_PAIRS seeds."""
    return paired_tests.ttest_p(self._differences) if self._enough else None

  @property
  def wilcoxon_p(self):
    """Of the signed-rank test, likewise: it presumes no normal distribution, and can't come below 1 /
    2^(seeds - 1)."""
    return paired_tests.wilcoxon_p(self._differences) if self._enough else None

  @property
  def ahead(self):
    """In how many seeds the cell is above the other one."""
    return sum(difference > 0 for difference in self._differences)

  @property
  def _differences(self):
    return list(self.by_seed.values())

  @property
  def _enough(self):
    return len(self.by_seed) >= paired_tests.MIN_PAIRS

  def less(self, margin):
    """The Gain that is left when each seed's difference is lowered by a margin."""
    return Gain({seed: difference - margin for seed, difference in self.by_seed.items()})


def compare(ours: Scores, theirs: Scores):
  """Gain of ours over theirs on the seeds that both have; None without any."""
  by_seed = {
    seed: float(np.mean(values - others)) for seed, (values, others) in values_by_seed(ours, theirs).items()
  }
  return Gain(by_seed) if by_seed else None


def compare_organs(ours: Scores, theirs: Scores):
  """{organ: Gain} of the organs that both define in a volume."""
  found = {
    organ: compare(_of_organ(ours, place), _of_organ(theirs, place))
    for place, organ in enumerate(ours.organs)
    if organ in theirs.organs
  }
  return {organ: gain for organ, gain in found.items() if gain is not None}


def _of_organ(scores, place):
  return dataclasses.replace(
    scores,
    organs=scores.organs[place : place + 1],
    dice={seed: table[:, place : place + 1] for seed, table in scores.dice.items()},
  )


@dataclasses.dataclass(frozen=True)
class GapClosed:
  """(X - full) / (oracle - full): of the means over seeds, and the least and the most of a single seed."""

  value: float
  of_seeds: tuple[float, float]


def gap_closed(ours: Scores, full: Scores, oracle: Scores):
  """None without common seeds, or where the oracle of one is not above full."""
  means = np.array([values.mean(axis=1) for values in values_by_seed(ours, full, oracle).values()]).reshape(
    -1, 3
  )
  gains, gaps = means[:, 0] - means[:, 1], means[:, 2] - means[:, 1]
  if not len(means) or gaps.min() <= 0:
    return None
  shares = gains / gaps
  return GapClosed(float(gains.mean() / gaps.mean()), (float(shares.min()), float(shares.max())))


@dataclasses.dataclass(frozen=True)
class Verdict:
  """A step `lower` < `upper` of an expectation.

  Attributes:
    verdict: holds, the opposite holds, not by that much, not shown, too few seeds for a test, not run.
    p: of the difference from `points`, Holm-corrected over the part's steps; None with too few seeds.
    wilcoxon_p: of the same by the signed-rank test, not corrected.
    gain: upper - lower, None if not run.
  """

  lower: str
  upper: str
  points: float
  level: float
  verdict: str
  p: float | None
  wilcoxon_p: float | None
  gain: Gain | None


def judge(expectations, cells):
  """Verdicts of all steps; cells: {name: Scores}."""
  steps = [(lower, upper, item) for item in expectations for lower, upper in zip(item.cells, item.cells[1:])]
  gains = [compare(cells[upper], cells[lower]) for lower, upper, _ in steps]
  beyond = [gain and gain.less(item.points / 100) for gain, (_, _, item) in zip(gains, steps)]
  p_values = paired_tests.holm([gain and gain.p for gain in beyond])
  return [
    Verdict(lower, upper, item.points, item.level, _verdict(gain, p, item), p, rest and rest.wilcoxon_p, gain)
    for (lower, upper, item), gain, rest, p in zip(steps, gains, beyond, p_values)
  ]


def _verdict(gain, p, expectation):
  if gain is None:
    return "not run"
  if p is None:
    return "too few seeds for a test"
  if p >= expectation.level:
    return "not shown"
  if gain.difference > expectation.points / 100:
    return "holds"
  return "not by that much" if expectation.points else "the opposite holds"
