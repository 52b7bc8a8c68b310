"""Tables of methods and organs: Dice, gains and distances. Rows of text, the first the header."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from data.arrays import Floats
from deeplab_panns.evidence.defined_values import defined_mean, defined_sd
from deeplab_panns.evidence.number_text import (
  count,
  millimetres,
  p_value,
  percent_and_sd,
  points,
  points_interval,
  stars,
)
from deeplab_panns.evidence.paired_tests import Comparison
from deeplab_panns.evidence.text_table import Rows
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.gains import Gain, mean_gains, organ_gains
from deeplab_panns.report.results.methods import Method

_DISTANCES = ("mean_surface_distance_mm", "hausdorff_mm", "hausdorff95_mm")


def organ_table(results: Results, spread: bool = True) -> Rows:
  """Dice in % by organ and method.

  Args:
    spread: adds ± the sample sd over cases, and (n = ...) where cases are excluded.
  """
  tables = [results.table(method) for method in results.methods]
  return [
    ["organ", *(method.name for method in results.methods)],
    *(
      [organ, *(dice_cell(table[:, column], spread) for table in tables)]
      for column, organ in enumerate(results.organs)
    ),
    ["mean", *(mean_cell(table, spread) for table in tables)],
  ]


def method_table(results: Results) -> Rows:
  """A row for each method: mean Dice, gain against the baseline with interval and p-values, distances,
  counts."""
  gains = mean_gains(results)
  header = ["method", "runs", "Dice %", "gain", "95 % interval", "p Wilcoxon", "p t-test"]
  header += ["MSD mm", "HD mm", "HD95 mm", "missed", "excluded"]
  return [header, *(_method_row(results, method, gains.get(method.name)) for method in results.methods)]


def _method_row(results: Results, method: Method, gain: Gain | None) -> list[str]:
  compared = ["baseline", "", "", ""]
  if gain is not None:
    comparison = gain.comparison
    compared = [points(comparison.difference), interval(comparison)]
    compared += [p_value(gain.wilcoxon_p), p_value(gain.ttest_p)]
  return [
    method.name,
    str(len(method.runs)),
    mean_cell(results.table(method)),
    *compared,
    *(millimetres(over_organs(results.table(method, score))) for score in _DISTANCES),
    *(str(sum(run.summary[kind] for run in method.runs)) for kind in ("missed", "excluded")),
  ]


def gain_table(results: Results) -> Rows:
  """The gain of each other method by organ: points of Dice, interval, p."""
  gains = [organ_gains(results, method) for method in results.others]
  means = mean_gains(results)
  return [
    ["organ", *(f"{method.name} − {results.baseline.name}" for method in results.others)],
    *([organ, *(_gain_cell(by_organ[organ]) for by_organ in gains)] for organ in results.organs),
    ["mean", *(_gain_cell(means[method.name]) for method in results.others)],
  ]


def _gain_cell(gain: Gain) -> str:
  comparison = gain.comparison
  if comparison.interval is None:
    return points(comparison.difference)
  p = f"p {p_value(gain.wilcoxon_p)}{stars(gain.wilcoxon_p)}"
  return f"{points(comparison.difference)} ({interval(comparison)}), {p}"


def interval(comparison: Comparison) -> str:
  """The interval of a comparison in points, or how many pairs are too few for one."""
  return points_interval(comparison.interval, if_none=f"{count(comparison.pairs, 'pair')}: too few")


def dice_cell(values: npt.ArrayLike, spread: bool = True) -> str:
  """The mean in % of a vector; with `spread` ± the sample sd, and (n = ...) where some values are NaN."""
  values = np.asarray(values, np.float64)
  if not spread:
    return percent_and_sd(defined_mean(values), None)
  defined = np.count_nonzero(~np.isnan(values))
  counted = f" (n = {defined})" if 0 < defined < len(values) else ""
  return percent_and_sd(defined_mean(values), defined_sd(values)) + counted


def mean_cell(table: Floats, spread: bool = True) -> str:
  """The mean in % of a table [cases, organs], as in metrics.json; with `spread` ± the sample sd of the case
  means."""
  return percent_and_sd(over_organs(table), defined_sd(defined_mean(table, axis=1)) if spread else None)


def over_organs(table: Floats) -> float:
  """Of a table [cases, organs] the mean over organs of each one's mean over cases, as in metrics.json."""
  return defined_mean(defined_mean(table, axis=0))
