"""The report's tables: methods, organs, gains, seeds, runs; rows of text, the first the header."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from data.arrays import Floats
from deeplab_panns.evidence.number_text import (
  NONE,
  count,
  every_digit,
  millimetres,
  p_value,
  percent,
  points,
  points_interval,
  stars,
)
from deeplab_panns.evidence.paired_tests import MIN_PAIRS, Comparison
from deeplab_panns.report.results import compared as scores
from deeplab_panns.report.results.compared import Gain, Results, defined_mean

Rows = list[list[str]]
"""Cells of text; the first row is the header."""


def organ_table(results: Results, spread: bool = True) -> Rows:
  """Dice in % by organ and method, as mean ± sample sd over cases, and (n = ...) where cases are excluded."""
  tables = [results.table(method) for method in results.methods]
  rows = [["organ", *(method.name for method in results.methods)]]
  for column, organ in enumerate(results.organs):
    rows.append([organ, *(_cell(table[:, column], spread) for table in tables)])
  return [*rows, ["mean", *(_mean_cell(table, spread) for table in tables)]]


def method_table(results: Results) -> Rows:
  """A line for each method: mean Dice, gain against the baseline with interval and p-values, distances,
  counts."""
  gains = scores.mean_gains(results)
  rows = [
    [
      "method",
      "runs",
      "Dice %",
      "gain",
      "95 % interval",
      "p Wilcoxon",
      "p t-test",
      "MSD mm",
      "HD mm",
      "HD95 mm",
      "missed",
      "excluded",
    ]
  ]
  for method in results.methods:
    gain = gains.get(method.name)
    compared = (
      ["baseline", "", "", ""]
      if gain is None
      else [
        points(gain.comparison.difference),
        interval(gain.comparison),
        p_value(gain.wilcoxon_p),
        p_value(gain.ttest_p),
      ]
    )
    distances = [
      millimetres(_over_organs(results.table(method, score)))
      for score in ("mean_surface_distance_mm", "hausdorff_mm", "hausdorff95_mm")
    ]
    counts = [str(sum(run.summary[kind] for run in method.runs)) for kind in ("missed", "excluded")]
    rows.append(
      [
        method.name,
        str(len(method.runs)),
        _mean_cell(results.table(method), True),
        *compared,
        *distances,
        *counts,
      ]
    )
  return rows


def gain_table(results: Results) -> Rows:
  """The gain of each other method by organ: points of Dice, interval, p."""
  rows = [["organ", *(f"{method.name} − {results.baseline.name}" for method in results.others)]]
  gains = [scores.organ_gains(results, method) for method in results.others]
  for organ in results.organs:
    rows.append([organ, *(_gain_cell(by_organ[organ]) for by_organ in gains)])
  means = scores.mean_gains(results)
  return [*rows, ["mean", *(_gain_cell(means[method.name]) for method in results.others)]]


def statistics_table(results: Results) -> Rows:
  """All numbers behind the tables at full precision, Dice as a share, for CSV."""
  rows: list[list[Any]] = [
    [
      "method",
      "baseline",
      "organ",
      "mean_dice",
      "sd_over_cases",
      "pairs",
      "dropped_pairs",
      "gain",
      "interval_low",
      "interval_high",
      "wilcoxon_p",
      "wilcoxon_p_holm",
      "ttest_p",
      "ttest_p_holm",
    ]
  ]
  means = scores.mean_gains(results)
  for method in results.methods:
    table = results.table(method)
    gains = (
      {}
      if method is results.baseline
      else {**scores.organ_gains(results, method), "mean": means[method.name]}
    )
    columns = [
      *(
        (organ, table[:, column], defined_mean(table[:, column]))
        for column, organ in enumerate(results.organs)
      ),
      ("mean", defined_mean(table, axis=1), _over_organs(table)),
    ]
    for organ, values, mean in columns:
      rows.append(
        [method.name, results.baseline.name, organ, mean, _sd(values), *_compared(gains.get(organ))]
      )
  return [[every_digit(cell) for cell in row] for row in rows]


def _compared(gain: Gain | None) -> list[float | int | None]:
  if gain is None:
    return [None] * 9
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


def seed_table(results: Results) -> Rows:
  """Mean Dice in % of each seed, and below it the differences to the baseline."""
  means = {method.name: scores.seed_means(results, method) for method in results.methods}
  seeds = sorted({seed for of_method in means.values() for seed in of_method})
  rows = [["method", *(f"seed {seed}" for seed in seeds), "mean ± sd over seeds"]]
  for name, of_method in means.items():
    rows.append(
      [
        name,
        *(percent(of_method.get(seed, math.nan)) for seed in seeds),
        _cell(list(of_method.values()), True),
      ]
    )
  for method in results.others:
    _, comparison = scores.seed_gain(results, method)
    differences = [
      means[method.name].get(seed, math.nan) - means[results.baseline.name].get(seed, math.nan)
      for seed in seeds
    ]
    tested = points(comparison.difference) + (
      f", t-test p {p_value(comparison.ttest_p)}" if comparison.enough else ""
    )
    rows.append([f"{method.name} − {results.baseline.name}", *map(points, differences), tested])
  return rows


def run_table(results: Results) -> Rows:
  """What each run is and where it lies."""
  rows = [["method", "run", "seed", "fold", "step", "cases", "Dice %", "excluded", "missed"]]
  for method in results.methods:
    for run in method.runs:
      mean = run.summary["mean_dice"]
      rows.append(
        [
          method.name,
          str(run.folder),
          *(NONE if value is None else str(value) for value in (run.seed, run.fold, run.summary.get("step"))),
          str(len(run.cases)),
          percent(math.nan if mean is None else mean),
          str(run.summary["excluded"]),
          str(run.summary["missed"]),
        ]
      )
  return rows


def note(results: Results) -> str:
  """What the means are of: split, cases, seeds, spread, empty cases, exclusions, tests."""
  excluded = ", ".join(
    f"{method.name} {sum(run.summary['excluded'] for run in method.runs)}" for method in results.methods
  )
  seeds = sorted({len(method.seeds) for method in results.methods})
  seeds_text = count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
  values = "each with cases of its own" if results.cases_of_seeds else "a case's value is the mean over seeds"
  seeds_text = f"{seeds_text} per method, {values}." if seeds[-1] else "runs without seeds."
  text = (
    f"Dice in % on {count(len(results.cases), 'case')} {results.scored_on}; {seeds_text} "
    "The mean is over organs of the means over cases; ± is the sample sd over cases. A pair of case and "
    "organ where neither map "
    f"has the organ is excluded (pairs over all runs: {excluded}); an organ in one map alone has Dice 0 "
    "and no distance."
  )
  if len(results.cases_of_seeds or results.cases) < MIN_PAIRS:
    text += f" Fewer than {MIN_PAIRS} {pairs_are(results)}: no p-values, no intervals."
  return text


def pairs_are(results: Results) -> str:
  """What the pairs of the tests are, in the plural."""
  return "seeds" if results.cases_of_seeds else "cases"


def test_note(results: Results) -> str:
  """How gains were tested, and what the tests say nothing about."""
  if results.cases_of_seeds:
    pairs = (
      "Gains are paired over seeds, since each has cases of its own, which share its training runs; in "
      "points of Dice, with the "
      "percentile bootstrap interval of the mean difference (of few seeds too narrow: of 8 it holds the mean "
      "89 % of the time)."
    )
  else:
    pairs = (
      "Gains are paired over cases, in points of Dice, with the percentile bootstrap interval of the mean "
      "difference: how they "
      "differ from patient to patient, for these training runs. What chance in training adds, the seeds show."
    )
  return (
    f"{pairs} p: two-sided Wilcoxon signed-rank and paired t-test, Holm-corrected over the "
    "organs of a method (means: over the methods). * p < .05, ** p < .01, *** p < .001 (Wilcoxon)."
  )


def interval(comparison: Comparison) -> str:
  return points_interval(comparison.interval, f"{count(comparison.pairs, 'pair')}: too few")


def _gain_cell(gain: Gain) -> str:
  comparison = gain.comparison
  if comparison.interval is None:
    return points(comparison.difference)
  p = f"p {p_value(gain.wilcoxon_p)}{stars(gain.wilcoxon_p)}"
  return f"{points(comparison.difference)} ({interval(comparison)}), {p}"


def _cell(values: npt.ArrayLike, spread: bool) -> str:
  values = np.asarray(values, np.float64)
  defined = np.count_nonzero(~np.isnan(values))
  text = percent(defined_mean(values))
  if spread and defined > 1:
    text += f" ± {percent(_sd(values))}"
  return text + (f" (n = {defined})" if spread and 0 < defined < len(values) else "")


def _mean_cell(table: Floats, spread: bool) -> str:
  sd = _sd(defined_mean(table, axis=1))
  return percent(_over_organs(table)) + (f" ± {percent(sd)}" if spread and not math.isnan(sd) else "")


def _over_organs(table: Floats) -> float:
  """The mean over organs of each one's mean over cases, as in metrics.json."""
  return float(defined_mean(defined_mean(table, axis=0)))


def _sd(values: npt.ArrayLike) -> float:
  defined = np.asarray(values)[~np.isnan(values)]
  return float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan
