"""The Dice of a part's cells as arrays, and their comparisons: over volumes, over seeds, with the oracle."""
from __future__ import annotations

import dataclasses

import numpy as np

from data.input_error import InputError
from deeplab_panns import statistics
from deeplab_panns.results import defined_mean
from deeplab_panns.statistics import Comparison
from deeplab_panns.study_plan import Cell

# Names of cells: all are compared with the first, and the gap to be closed is between the two.
BASELINE, ORACLE = "full", "oracle"


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
  """One cell.

  Attributes:
    dice: {seed: [cases, organs]} of the seeds that were run, NaN where neither map has the organ.
    missing: seeds that were not.
  """
  cell: Cell
  organs: tuple[str, ...]
  dice: dict[int, np.ndarray]
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
  dice, organs, missing = {}, (), []
  for run in runs:
    rows = cache.read(run)
    if rows is None:
      missing.append(run.seed)
      continue
    organs = tuple(dict.fromkeys(score.organ for _, score in rows))
    dice[run.seed] = _table(cache.find(run), rows, organs)
  return Scores(cell, organs, dice, tuple(missing))


def _table(path, rows, organs):
  # cases by id, so that two runs of a seed have theirs in one order
  by_place = {(case, score.organ): score.dice for case, score in rows}
  cases = sorted({case for case, _ in rows})
  if len(by_place) != len(rows) or len(rows) != len(cases) * len(organs):
    raise InputError(f"{path}: has {len(rows)} lines for {len(cases)} cases and {len(organs)} organs; remove "
                     "it, and run the study again.")
  return np.array([[by_place[case, organ] for organ in organs] for case in cases])


def volume_values(*cells: Scores):
  """Each cell's values, [volumes], of the test volumes of the seeds that all cells have.

  A volume's value is the mean over the organs that all cells define.
  """
  seeds = sorted(set.intersection(*(set(cell.dice) for cell in cells)))
  if not seeds:
    return [np.zeros(0)] * len(cells)
  tables = [np.concatenate([cell.dice[seed] for seed in seeds]) for cell in cells]
  defined = ~np.isnan(tables).any(axis=0)
  return [defined_mean(np.where(defined, table, np.nan), axis=1) for table in tables]


def over_volumes(ours: Scores, theirs: Scores, margin=0.0):
  """Comparison of ours - margin with theirs over the test volumes of all common seeds."""
  values, baseline = volume_values(ours, theirs)
  return statistics.compare(values - margin, baseline)


@dataclasses.dataclass(frozen=True)
class OverSeeds:
  """ahead: in how many of the common seeds the first is above the second."""
  comparison: Comparison
  ahead: int


def over_seeds(ours: Scores, theirs: Scores, margin=0.0):
  """The same over the seeds' means."""
  means, others = ours.seed_means, theirs.seed_means
  seeds = sorted(set(means) & set(others))
  pairs = np.array([(means[seed] - margin, others[seed]) for seed in seeds]).reshape(-1, 2)
  return OverSeeds(statistics.compare(pairs[:, 0], pairs[:, 1]), int(np.sum(pairs[:, 0] > pairs[:, 1])))


@dataclasses.dataclass(frozen=True)
class GapClosed:
  """(X - full) / (oracle - full), and its 95 % bootstrap interval over volumes (None with too few)."""
  value: float
  interval: tuple[float, float] | None


def gap_closed(ours: Scores, full: Scores, oracle: Scores, seed=0):
  """None without common volumes, or where the oracle is not above full."""
  values, low, high = volume_values(ours, full, oracle)
  defined = ~np.isnan(values)
  gain, gap = (values - low)[defined], (high - low)[defined]
  if not len(gain) or gap.mean() <= 0:
    return None
  if len(gain) < statistics.MIN_PAIRS:
    return GapClosed(float(gain.mean() / gap.mean()), None)
  drawn = np.random.default_rng(seed).integers(len(gain), size=(statistics.RESAMPLES, len(gain)))
  ratios = gain[drawn].mean(axis=1) / gap[drawn].mean(axis=1)
  low_end, high_end = np.quantile(ratios, (0.025, 0.975))
  return GapClosed(float(gain.mean() / gap.mean()), (float(low_end), float(high_end)))


@dataclasses.dataclass(frozen=True)
class Verdict:
  """A step `lower` < `upper` of an expectation. verdict: holds, the opposite holds, not shown, not run."""
  lower: str
  upper: str
  points: float
  level: float
  verdict: str
  p: float | None  # of the difference from `points`, Holm-corrected over the part's steps
  difference: Comparison  # upper - lower, over volumes
  seeds: OverSeeds  # ahead by more than `points`


def judge(expectations, cells):
  """Verdicts of all steps; cells: {name: Scores}."""
  steps = [(lower, upper, item) for item in expectations for lower, upper in zip(item.cells, item.cells[1:])]
  compared = [over_volumes(cells[upper], cells[lower], item.points / 100) for lower, upper, item in steps]
  p_values = statistics.holm([comparison.wilcoxon_p for comparison in compared])
  verdicts = []
  for (lower, upper, item), comparison, p in zip(steps, compared, p_values):
    verdicts.append(Verdict(
        lower, upper, item.points, item.level, _verdict(comparison, p, item.level), p,
        over_volumes(cells[upper], cells[lower]), over_seeds(cells[upper], cells[lower], item.points / 100)))
  return verdicts


def _verdict(comparison, p, level):
  if not comparison.pairs:
    return "not run"
  if p is None or p >= level:
    return "not shown"
  low, high = comparison.interval
  return "holds" if low > 0 else "the opposite holds" if high < 0 else "not shown"
