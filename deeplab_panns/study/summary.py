"""What the cached scores of a part say: gains, gaps closed, verdicts, and what is missing."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from deeplab_panns.evidence.paired_tests import holm
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.gains import (
  BASELINE,
  ORACLE,
  ORACLE_SAME_STAGE1,
  Gain,
  GapClosed,
  compare,
  compare_organs,
  gap_closed,
)
from deeplab_panns.study.plan import DosePoint, Part, SizePoint
from deeplab_panns.study.planned_runs import Run
from deeplab_panns.study.seed_scores import Scores, load
from deeplab_panns.study.verdicts import Verdict, judge


@dataclasses.dataclass(frozen=True)
class Compared:
  """A cell against another one.

  Attributes:
    p: that of the gain, Holm-corrected over the comparisons of its kind.
  """

  gain: Gain
  p: float | None


@dataclasses.dataclass(frozen=True)
class GainAtSize:
  """A `SizePoint` on the seeds that its three cells have.

  Attributes:
    log_sizes: {seed: mean log ratio of drawn to true sizes of stage 1}, of the seeds of `gain`.
  """

  point: SizePoint
  log_sizes: dict[int, float]
  gain: Gain

  @property
  def log_size(self) -> float:
    """Mean over seeds."""
    return statistics.fmean(self.log_sizes.values())


@dataclasses.dataclass(frozen=True)
class LineOfSeries:
  """Gain = slope · log ratio of sizes + start.

  Attributes:
    least, most: log ratios of sizes of its seeds, between which it is drawn.
  """

  slope: float
  start: float
  least: float
  most: float

  @property
  def zero(self) -> float | None:
    """The log ratio of sizes at which the gain is 0; None if there is none among those of its seeds."""
    zero = -self.start / self.slope if abs(self.slope) > 1e-9 else math.inf
    return zero if self.least <= zero <= self.most else None


@dataclasses.dataclass(frozen=True, eq=False)
class GainAtDose:
  """A `DosePoint` on the seeds that its two cells have in common, and its number of labelled patients."""

  point: DosePoint
  labeled: int
  gain: Gain


@dataclasses.dataclass(frozen=True, eq=False)
class Summary:
  """All that is said of a part.

  Attributes:
    seeds: of all runs, also those that were not made.
    cells: {name: Scores} in the part's order, also those that were not run.
    gains: {name: Compared with BASELINE}, of what can be: cells of the same unseen patients.
    gains_over_reference: the same over each cell's reference.
    organ_gains: {name: {organ: Compared with the cell's reference, p corrected over its organs}}.
    gaps: {name: GapClosed, or None where it cannot be said}.
    gaps_same_stage1: the same with the oracle that shares the others' stage 1.
    gains_at_sizes, gains_at_doses: the part's points and doses, of those that were run.
  """

  part: Part
  seeds: tuple[int, ...]
  cells: dict[str, Scores]
  gains: dict[str, Compared]
  gains_over_reference: dict[str, Compared]
  organ_gains: dict[str, dict[str, Compared]]
  gaps: dict[str, GapClosed | None]
  gaps_same_stage1: dict[str, GapClosed | None]
  verdicts: list[Verdict]
  gains_at_sizes: tuple[GainAtSize, ...] = ()
  gains_at_doses: tuple[GainAtDose, ...] = ()

  @property
  def missing(self) -> dict[str, tuple[int, ...]]:
    """{name: the seeds that the cell was not run with}, of the cells that lack some."""
    return {name: cell.missing for name, cell in self.cells.items() if cell.missing}

  @property
  def other_unseen(self) -> list[str]:
    """Names of the cells that are scored on other unseen patients than BASELINE."""
    comparable = _comparable(self.part, self.cells)
    return [name for name in self.cells if BASELINE in self.cells and name not in comparable]

  def baseline_there(self, name: str) -> float | None:
    """Mean Dice of BASELINE on the seeds that the cell was also run with; None without a common one."""
    if name not in self.gains:
      return None
    means = self.cells[BASELINE].seed_means
    return statistics.fmean(means[seed] for seed in self.gains[name].gain.by_seed)


def summarize(part: Part, runs: Sequence[Run], cache: Cache) -> Summary:
  """Summary of a part's runs from the cache. Raises InputError if a cached file is damaged."""
  cells = {cell.name: load(cell, [run for run in runs if run.cell is cell], cache) for cell in part.cells}
  comparable = _comparable(part, cells)
  return Summary(
    part,
    tuple(sorted({run.seed for run in runs})),
    cells,
    gains=_gains(comparable, dict.fromkeys(comparable, BASELINE)),
    gains_over_reference=_gains(cells, {name: scores.cell.reference for name, scores in cells.items()}),
    organ_gains={
      name: _corrected(compare_organs(scores, cells[scores.cell.reference]))
      for name, scores in cells.items()
      if scores.cell.reference is not None and scores.cell.reference in cells
    },
    gaps={name: _gap(comparable, name, ORACLE) for name in cells},
    gaps_same_stage1={name: _gap(comparable, name, ORACLE_SAME_STAGE1) for name in cells},
    verdicts=judge(part.expectations, cells),
    gains_at_sizes=tuple(_gains_at_sizes(part.points, cells)),
    gains_at_doses=tuple(_gains_at_doses(part, cells)),
  )


def _comparable(part: Part, cells: Mapping[str, Scores]) -> dict[str, Scores]:
  """The cells that are scored on the unseen patients of BASELINE; none without it."""
  return {
    name: scores
    for name, scores in cells.items()
    if BASELINE in cells and part.same_unseen(scores.cell, cells[BASELINE].cell)
  }


def _gains_at_sizes(points: Iterable[SizePoint], cells: Mapping[str, Scores]) -> Iterator[GainAtSize]:
  for point in points:
    gain, sizes = compare(cells[point.upper], cells[point.lower]), cells[point.sizes].log_sizes
    shared = {seed: value for seed, value in (gain.by_seed if gain else {}).items() if seed in sizes}
    if shared:
      yield GainAtSize(point, {seed: sizes[seed] for seed in shared}, Gain(shared))


def _gains_at_doses(part: Part, cells: Mapping[str, Scores]) -> Iterator[GainAtDose]:
  for point in part.doses:
    gain, labeled = compare(cells[point.upper], cells[point.lower]), part.labeled_patients(point.upper)
    if gain and labeled is not None:
      yield GainAtDose(point, labeled, gain)


def lines_of_series(found: Sequence[GainAtSize]) -> dict[str, LineOfSeries]:
  """{series: the least-squares line through all its seeds}; a level one if its points have one size."""
  lines = {}
  for series in dict.fromkeys(item.point.series for item in found):
    own = [item for item in found if item.point.series == series]
    sizes = np.array([item.log_sizes[seed] for item in own for seed in item.gain.by_seed])
    gains = np.array([gain for item in own for gain in item.gain.by_seed.values()])
    slope, start = np.polyfit(sizes, gains, 1) if np.ptp(sizes) else (0.0, gains.mean())
    lines[series] = LineOfSeries(float(slope), float(start), float(sizes.min()), float(sizes.max()))
  return lines


def _gains(cells: Mapping[str, Scores], others: Mapping[str, str | None]) -> dict[str, Compared]:
  """{name: Compared with the cell others[name]}, of the cells that have a seed in common with another one."""
  found = {
    name: compare(cells[name], cells[other])
    for name, other in others.items()
    if other is not None and other in cells and other != name
  }
  return _corrected({name: gain for name, gain in found.items() if gain is not None})


def _corrected(gains: Mapping[str, Gain]) -> dict[str, Compared]:
  p_values = holm([gain.p for gain in gains.values()])
  return {name: Compared(gain, p) for (name, gain), p in zip(gains.items(), p_values)}


def _gap(cells: Mapping[str, Scores], name: str, oracle: str) -> GapClosed | None:
  if not {BASELINE, oracle, name} <= set(cells) or name == BASELINE:
    return None
  return gap_closed(cells[name], cells[BASELINE], cells[oracle])
