"""Whether the hypotheses of a part hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from deeplab_panns.evidence import paired_tests
from deeplab_panns.study.gains import Gain, compare
from deeplab_panns.study.plan import Expectation
from deeplab_panns.study.seed_scores import Scores


@dataclasses.dataclass(frozen=True)
class Verdict:
  """A step `lower` < `upper` of an expectation.

  Attributes:
    lower, upper: names of cells.
    points, level: of the expectation.
    verdict: "holds", "the opposite holds", "not by that much", "not shown", "too few seeds for a test" or
      "not run".
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


def judge(expectations: Iterable[Expectation], cells: Mapping[str, Scores]) -> list[Verdict]:
  """Verdicts of all steps, in the order of the expectations.

  Args:
    cells: {name: Scores} of every cell that an expectation names.
  """
  steps = [(lower, upper, item) for item in expectations for lower, upper in zip(item.cells, item.cells[1:])]
  gains = [compare(cells[upper], cells[lower]) for lower, upper, _ in steps]
  # A step is tested against its margin, and shown as it is.
  beyond = [
    None if gain is None else gain.less(item.points / 100) for gain, (_, _, item) in zip(gains, steps)
  ]
  p_values = paired_tests.holm([None if rest is None else rest.p for rest in beyond])
  return [
    Verdict(
      lower=lower,
      upper=upper,
      points=item.points,
      level=item.level,
      verdict=_verdict(gain, p, item),
      p=p,
      wilcoxon_p=None if rest is None else rest.wilcoxon_p,
      gain=gain,
    )
    for (lower, upper, item), gain, rest, p in zip(steps, gains, beyond, p_values)
  ]


def _verdict(gain: Gain | None, p: float | None, expectation: Expectation) -> str:
  if gain is None:
    return "not run"
  if p is None:
    return "too few seeds for a test"
  if p >= expectation.level:
    return "not shown"
  if gain.difference > expectation.points / 100:
    return "holds"
  return "not by that much" if expectation.points > 0 else "the opposite holds"
