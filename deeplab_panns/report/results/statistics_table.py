"""All numbers behind the report's tables, for programs."""

from __future__ import annotations

from collections.abc import Mapping

from deeplab_panns.evidence.defined_values import defined_mean, defined_sd
from deeplab_panns.evidence.number_text import every_digit
from deeplab_panns.evidence.text_table import Cell, Rows
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.gains import Gain, mean_gains, organ_gains
from deeplab_panns.report.results.methods import Method
from deeplab_panns.report.results.result_tables import over_organs

_COMPARED = (
  "pairs",
  "dropped_pairs",
  "gain",
  "interval_low",
  "interval_high",
  "wilcoxon_p",
  "wilcoxon_p_holm",
  "ttest_p",
  "ttest_p_holm",
)


def statistics_table(results: Results) -> Rows:
  """A row for each method and organ, and for its mean: Dice as a fraction, its sd over cases, and the
  comparison with the baseline, at full precision."""
  means = mean_gains(results)
  rows: list[list[Cell]] = []
  for method in results.methods:
    gains: dict[str, Gain] = {}
    if method is not results.baseline:
      gains = {**organ_gains(results, method), "mean": means[method.name]}
    rows += _rows(results, method, gains)
  header = ["method", "baseline", "organ", "mean_dice", "sd_over_cases", *_COMPARED]
  return [header, *([every_digit(cell) for cell in row] for row in rows)]


def _rows(results: Results, method: Method, gains: Mapping[str, Gain]) -> list[list[Cell]]:
  """gains: {organ or "mean": Gain}, empty for the baseline."""
  table = results.table(method)
  columns = {organ: table[:, column] for column, organ in enumerate(results.organs)}
  means = {organ: defined_mean(values) for organ, values in columns.items()}
  columns["mean"], means["mean"] = defined_mean(table, axis=1), over_organs(table)
  named = method.name, results.baseline.name
  return [
    [*named, organ, means[organ], defined_sd(values), *_compared(gains.get(organ))]
    for organ, values in columns.items()
  ]


def _compared(gain: Gain | None) -> list[Cell]:
  """The values of _COMPARED."""
  if gain is None:
    return [None] * len(_COMPARED)
  comparison = gain.comparison
  return [
    comparison.pairs,
    comparison.dropped,
    comparison.difference,
    *(comparison.interval or (None, None)),
    comparison.wilcoxon_p,
    gain.wilcoxon_p,
    comparison.ttest_p,
    gain.ttest_p,
  ]
