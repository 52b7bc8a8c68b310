"""How far one cell is above another in Dice, over seeds, and how much of the gap to the oracle it closes."""

from __future__ import annotations

import dataclasses

import numpy as np

from deeplab_panns.evidence import paired_tests
from deeplab_panns.study.seed_scores import Scores, values_by_seed

# Names of cells: all are compared with the first, and the gap to be closed is between the two.
BASELINE, ORACLE = "full", "oracle"
# The oracle that shares the stage 1 of the other cells; a second gap is shown where a part has it.
ORACLE_SAME_STAGE1 = "oracle-same-stage1"
# Fewer seeds have an interval that says nothing; a p-value needs paired_tests.MIN_PAIRS.
INTERVAL_SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Gain:
  """How far one cell is above another in Dice. Each seed is one pair, its value the mean over its volumes.

  The volumes of a seed share their training runs and their labelled patients: counted as independent pairs
  they make intervals far too narrow.

  Attributes:
    by_seed: {seed: mean difference of Dice, a fraction}; at least one.
  """

  by_seed: dict[int, float]

  @property
  def difference(self) -> float:
    """Mean over seeds."""
    return float(np.mean(self._differences))

  @property
  def interval(self) -> tuple[float, float] | None:
    """(low, high) of the mean over seeds, 95 %, by Student's t; None below INTERVAL_SEEDS."""
    return paired_tests.mean_interval(self._differences) if len(self.by_seed) >= INTERVAL_SEEDS else None

  @property
  def p(self) -> float | None:
    """Two-sided p-value of Student's t-test, not corrected; None below paired_tests.MIN_PAIRS seeds."""
    return paired_tests.ttest_p(self._differences) if self._enough else None

  @property
  def wilcoxon_p(self) -> float | None:
    """The same by the signed-rank test.

    It does not assume a normal distribution, and cannot come below 1 / 2^(seeds - 1).
    """
    return paired_tests.wilcoxon_p(self._differences) if self._enough else None

  @property
  def ahead(self) -> int:
    """The number of seeds in which the cell is above the other one."""
    return sum(difference > 0 for difference in self._differences)

  @property
  def _differences(self) -> list[float]:
    return list(self.by_seed.values())

  @property
  def _enough(self) -> bool:
    return len(self.by_seed) >= paired_tests.MIN_PAIRS

  def less(self, margin: float) -> Gain:
    """The Gain with a margin subtracted from the difference of each seed."""
    return Gain({seed: difference - margin for seed, difference in self.by_seed.items()})


def compare(ours: Scores, theirs: Scores) -> Gain | None:
  """Gain of ours over theirs on the seeds that both were run with; None if there is no such seed."""
  by_seed = {
    seed: float(np.mean(values - others)) for seed, (values, others) in values_by_seed(ours, theirs).items()
  }
  return Gain(by_seed) if by_seed else None


def compare_organs(ours: Scores, theirs: Scores) -> dict[str, Gain]:
  """{organ: Gain}, of the organs whose Dice both cells define in some volume."""
  found = {
    organ: compare(_of_organ(ours, index), _of_organ(theirs, index))
    for index, organ in enumerate(ours.organs)
    if organ in theirs.organs
  }
  return {organ: gain for organ, gain in found.items() if gain is not None}


def _of_organ(scores: Scores, index: int) -> Scores:
  return dataclasses.replace(
    scores,
    organs=scores.organs[index : index + 1],
    dice={seed: table[:, index : index + 1] for seed, table in scores.dice.items()},
  )


@dataclasses.dataclass(frozen=True)
class GapClosed:
  """(X - full) / (oracle - full), a fraction: 1 is as good as the oracle, below 0 is worse than full.

  Attributes:
    value: of the means over seeds.
    of_seeds: (least, most) of a single seed.
  """

  value: float
  of_seeds: tuple[float, float]


def gap_closed(ours: Scores, full: Scores, oracle: Scores) -> GapClosed | None:
  """The gap closed on the seeds of all three; None without such a seed, or if in one the oracle is not above
  full."""
  by_seed = values_by_seed(ours, full, oracle).values()
  means = np.array([values.mean(axis=1) for values in by_seed]).reshape(-1, 3)
  gains, gaps = means[:, 0] - means[:, 1], means[:, 2] - means[:, 1]
  if not len(means) or gaps.min() <= 0:
    return None
  shares = gains / gaps
  return GapClosed(float(gains.mean() / gaps.mean()), (float(shares.min()), float(shares.max())))
