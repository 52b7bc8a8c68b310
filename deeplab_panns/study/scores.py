"""The Dice of a part's cells as arrays, and their comparisons: over volumes, over seeds, with the oracle."""
from __future__ import annotations

import dataclasses

import numpy as np

from data.input_error import InputError
from deeplab_panns import statistics
from deeplab_panns.report.results import defined_mean
from deeplab_panns.statistics import Comparison
from deeplab_panns.study.plan import Cell

# Names of cells: all are compared with the first, and the gap to be closed is between the two.
BASELINE, ORACLE = "full", "oracle"
_RESAMPLES = 4_000


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


def values_by_seed(*cells: Scores):
  """[cells, volumes] of each seed that all cells have; a value is the mean over the organs that all define.

  Volumes without such an organ are left out.
  """
  found = []
  for seed in sorted(set.intersection(*(set(cell.dice) for cell in cells))):
    tables = np.stack([cell.dice[seed] for cell in cells])
    defined = ~np.isnan(tables).any(axis=0)
    values = defined_mean(np.where(defined, tables, np.nan), axis=2)
    found.append(values[:, defined.any(axis=1)])
  return found


def over_volumes(ours: Scores, theirs: Scores, margin=0.0):
  """Comparison of ours - margin with theirs over the test volumes of all common seeds."""
  values, baseline = np.concatenate([np.zeros((2, 0)), *values_by_seed(ours, theirs)], axis=1)
  return statistics.compare(values - margin, baseline)


@dataclasses.dataclass(frozen=True)
class OverSeeds:
  """The same with seeds as what is sampled.

  Attributes:
    comparison: of the seeds' means.
    ahead: in how many of the common seeds the first is above the second.
    interval: 95 % bootstrap of the mean difference, seeds drawn anew and volumes in them; None with one seed.
  """
  comparison: Comparison
  ahead: int
  interval: tuple[float, float] | None


def over_seeds(ours: Scores, theirs: Scores, margin=0.0):
  """OverSeeds of ours - margin and theirs."""
  means, others = ours.seed_means, theirs.seed_means
  seeds = sorted(set(means) & set(others))
  pairs = np.array([(means[seed] - margin, others[seed]) for seed in seeds]).reshape(-1, 2)
  differences = [values[:1] - values[1:] - margin for values in values_by_seed(ours, theirs)]
  interval = _ends(_two_level_means(differences)[0]) if len(differences) > 1 else None
  ahead = int(np.sum(pairs[:, 0] > pairs[:, 1]))
  return OverSeeds(statistics.compare(pairs[:, 0], pairs[:, 1]), ahead, interval)


def _two_level_means(by_seed, seed=0):
  """Means over resampled seeds of means over resampled volumes.

  A seed's volumes share its training runs: drawn as if they were independent, intervals become too narrow.

  Args:
    by_seed: of each seed [quantities, volumes].
  Returns:
    [quantities, _RESAMPLES].
  """
  rng, seeds = np.random.default_rng(seed), len(by_seed)
  inner = [values[:, rng.integers(values.shape[1], size=(_RESAMPLES, seeds, values.shape[1]))].mean(axis=-1)
           for values in by_seed]
  drawn = rng.integers(seeds, size=(1, 1, _RESAMPLES, seeds))
  return np.take_along_axis(np.stack(inner), drawn, axis=0)[0].mean(axis=-1)


def _ends(resampled):
  low, high = np.quantile(resampled, (0.025, 0.975))
  return float(low), float(high)


@dataclasses.dataclass(frozen=True)
class GapClosed:
  """(X - full) / (oracle - full) over volumes; its interval as OverSeeds', None with one seed."""
  value: float
  interval: tuple[float, float] | None


def gap_closed(ours: Scores, full: Scores, oracle: Scores):
  """None without common volumes, or where the oracle is not above full."""
  gains = [np.stack([values - low, high - low]) for values, low, high in values_by_seed(ours, full, oracle)]
  gain, gap = np.concatenate([np.zeros((2, 0)), *gains], axis=1)
  if not len(gain) or gap.mean() <= 0:
    return None
  interval = None
  if len(gains) > 1:
    gain_means, gap_means = _two_level_means(gains)
    interval = _ends(gain_means / gap_means)
  return GapClosed(float(gain.mean() / gap.mean()), interval)


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
  seeds: OverSeeds  # of upper - `points` and lower


def judge(expectations, cells):
  """Verdicts of all steps; cells: {name: Scores}."""
  steps = [(lower, upper, item) for item in expectations for lower, upper in zip(item.cells, item.cells[1:])]
  compared = [over_volumes(cells[upper], cells[lower], item.points / 100) for lower, upper, item in steps]
  p_values = statistics.holm([comparison.wilcoxon_p for comparison in compared])
  verdicts = []
  for (lower, upper, item), p in zip(steps, p_values):
    seeds = over_seeds(cells[upper], cells[lower], item.points / 100)
    verdicts.append(Verdict(lower, upper, item.points, item.level, _verdict(seeds, p, item.level), p,
                            over_volumes(cells[upper], cells[lower]), seeds))
  return verdicts


def _verdict(seeds, p, level):
  """A step holds if the test over volumes says so and the interval over seeds does, too."""
  if not seeds.comparison.pairs:
    return "not run"
  if p is None or p >= level or seeds.interval is None:
    return "not shown"
  low, high = seeds.interval
  return "holds" if low > 0 else "the opposite holds" if high < 0 else "not shown"
