"""Tables of seeds and of runs. Rows of text, the first the header."""

from __future__ import annotations

import math

from deeplab_panns.evidence.number_text import NONE, p_value, percent, points
from deeplab_panns.evidence.text_table import Rows
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.gains import seed_gain, seed_means
from deeplab_panns.report.results.result_tables import dice_cell


def seed_table(results: Results) -> Rows:
  """Mean Dice in % of each seed, and below it the differences to the baseline."""
  means = {method.name: seed_means(results, method) for method in results.methods}
  seeds = sorted({seed for of_method in means.values() for seed in of_method})
  rows = [["method", *(f"seed {seed}" for seed in seeds), "mean ± sd over seeds"]]
  for name, of_method in means.items():
    cells = [percent(of_method.get(seed, math.nan)) for seed in seeds]
    rows.append([name, *cells, dice_cell(list(of_method.values()))])
  theirs = means[results.baseline.name]
  for method in results.others:
    ours = means[method.name]
    differences = [ours.get(seed, math.nan) - theirs.get(seed, math.nan) for seed in seeds]
    comparison = seed_gain(results, method)
    tested = f", t-test p {p_value(comparison.ttest_p)}" if comparison.enough else ""
    name = f"{method.name} − {results.baseline.name}"
    rows.append([name, *map(points, differences), points(comparison.difference) + tested])
  return rows


def run_table(results: Results) -> Rows:
  """What each run is, and where its scores lie."""
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
          NONE if mean is None else percent(mean),
          str(run.summary["excluded"]),
          str(run.summary["missed"]),
        ]
      )
  return rows
