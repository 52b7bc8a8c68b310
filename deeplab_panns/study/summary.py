"""What the cached scores of a part say: gains, gaps closed, verdicts, and what is missing."""
from __future__ import annotations

import dataclasses

from deeplab_panns import statistics
from deeplab_panns.statistics import Comparison
from deeplab_panns.study.plan import Part
from deeplab_panns.study.scores import (
  BASELINE,
  ORACLE,
  GapClosed,
  OverSeeds,
  Scores,
  Verdict,
  gap_closed,
  judge,
  load,
  over_seeds,
  over_volumes,
)


@dataclasses.dataclass(frozen=True)
class Gain:
  """A cell against another one; p: Wilcoxon's over volumes, Holm-corrected over the part's cells."""
  volumes: Comparison
  seeds: OverSeeds
  p: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class Summary:
  """
  Attributes:
    cells: {name: Scores} in the part's order, also those that were not run.
    gains: {name: Gain over BASELINE} of what can be compared.
    gains_over_reference: the same over each cell's reference.
    gaps: {name: GapClosed or None}.
  """
  part: Part
  seeds: tuple[int, ...]
  cells: dict[str, Scores]
  gains: dict[str, Gain]
  gains_over_reference: dict[str, Gain]
  gaps: dict[str, GapClosed | None]
  verdicts: list[Verdict]

  @property
  def missing(self):
    """{name: seeds} that no number is of."""
    return {name: cell.missing for name, cell in self.cells.items() if cell.missing}


def summarize(part: Part, runs, cache):
  """Summary of a part's runs from the cache. Raises InputError if a cached file is damaged."""
  cells = {}
  for cell in part.cells:
    cells[cell.name] = load(cell, [run for run in runs if run.cell is cell], cache)
  return Summary(
      part, tuple(sorted({run.seed for run in runs})), cells,
      gains=_gains(cells, dict.fromkeys(cells, BASELINE)),
      gains_over_reference=_gains(cells, {name: scores.cell.reference for name, scores in cells.items()}),
      gaps={name: _gap(cells, name) for name in cells},
      verdicts=judge(part.expectations, cells))


def _gains(cells, others):
  """{name: Gain over the cell others[name]}, of the cells that were run and are not their own baseline."""
  pairs = {}
  for name, other in others.items():
    if other in cells and other != name and cells[name].dice and cells[other].dice:
      pairs[name] = cells[name], cells[other]
  volumes = {name: over_volumes(*pair) for name, pair in pairs.items()}
  corrected = statistics.holm([comparison.wilcoxon_p for comparison in volumes.values()])
  return {name: Gain(volumes[name], over_seeds(*pair), p)
          for (name, pair), p in zip(pairs.items(), corrected)}


def _gap(cells, name):
  if BASELINE not in cells or ORACLE not in cells or name == BASELINE:
    return None
  return gap_closed(cells[name], cells[BASELINE], cells[ORACLE])
