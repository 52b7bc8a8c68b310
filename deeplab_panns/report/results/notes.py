"""What is said of the results in sentences: the gains, what the means are, and how gains were tested."""

from __future__ import annotations

import numpy as np

from data.listed import listed
from deeplab_panns.evidence.number_text import count, p_value, points
from deeplab_panns.evidence.paired_tests import MIN_PAIRS
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.gains import Gain, mean_gains
from deeplab_panns.report.results.result_tables import interval, mean_cell


def against_baseline(results: Results) -> list[str]:
  """The baseline's mean Dice, and a sentence for each other method against it."""
  baseline = results.baseline
  return [
    f"{baseline.name}: mean Dice {mean_cell(results.table(baseline))} %, the baseline.",
    *(_gain_sentence(results, name, gain) for name, gain in mean_gains(results).items()),
  ]


def _gain_sentence(results: Results, name: str, gain: Gain) -> str:
  comparison = gain.comparison
  text = f"{name}: {points(comparison.difference)} points against {results.baseline.name}"
  if not comparison.enough:
    return f"{text}; a test needs {MIN_PAIRS} {results.pairs.kind} or more, this has {comparison.pairs}."
  return (
    f"{text} (95 % interval {interval(comparison)}; Wilcoxon p {_equals(gain.wilcoxon_p)}, "
    f"t-test p {_equals(gain.ttest_p)}; {comparison.pairs} {results.pairs.kind})."
  )


def _equals(p: float | None) -> str:
  text = p_value(p)
  return text if text.startswith("<") else f"= {text}"


def note(results: Results) -> str:
  """What the means are of: split, cases, seeds, spread, empty cases, exclusions, tests."""
  excluded = ", ".join(
    f"{method.name} {sum(run.summary['excluded'] for run in method.runs)}" for method in results.methods
  )
  text = (
    f"Dice in % on {count(len(results.cases), 'case')} {results.scored_on}; {_seeds(results)} "
    "The mean is over organs of the means over cases; ± is the sample sd over cases. A pair of case and "
    f"organ where neither map has the organ is excluded (pairs over all runs: {excluded}); an organ in one "
    "map alone has Dice 0 and no distance."
  )
  text += _unfinished(results) + _not_scored(results) + _seen_in_training(results)
  if len(results.pairs.rows) < MIN_PAIRS:
    text += f" Fewer than {MIN_PAIRS} {results.pairs.kind}: no p-values, no intervals."
  return text


def _unfinished(results: Results) -> str:
  """Empty if every run whose last checkpoint was scored had reached its end, as far as is known."""
  early = []
  for run in (run for method in results.methods for run in method.runs):
    reached = run.summary.get("step")
    steps = [run.settings.get(name) for name in ("stage1_steps", "stage2_steps")]
    whole = sum(number for number in steps if isinstance(number, int))
    if run.summary.get("checkpoint") == "last" and isinstance(reached, int) and reached < whole:
      early.append(f"{run.folder.name}: step {reached} of {whole}")
  return f" Scored before the end of training: {listed(early)}." if early else ""


def _not_scored(results: Results) -> str:
  """Empty if every run was scored on all the cases that it was to be scored on."""
  lost = [
    f"{run.folder.name}: {listed(sorted(run.summary['not_scored']))}"
    for method in results.methods
    for run in method.runs
    if run.summary.get("not_scored")
  ]
  return f" Cases that could not be scored are left out ({listed(lost)})." if lost else ""


def _seen_in_training(results: Results) -> str:
  """Empty if every run is known to have been scored on other cases than those that it was trained on."""
  of_runs = [run.seen_in_training for method in results.methods for run in method.runs]
  seen = {case for cases in of_runs if cases is not None for case in cases}
  text = ""
  if seen:
    text += (
      f" {len(seen)} of {count(len(results.cases), 'case')} were seen in training ({listed(sorted(seen))}): "
      "their scores say nothing about other patients."
    )
  unknown = of_runs.count(None)
  if unknown:
    text += f" Of {count(unknown, 'run')} it is not known which cases were seen in training."
  return text


def _seeds(results: Results) -> str:
  numbers = [len(method.seeds) for method in results.methods]
  least, most = min(numbers), max(numbers)
  if not most:
    return "runs without seeds."
  seeds = count(least, "seed") if least == most else f"{least} to {most} seeds"
  of_its_own = results.pairs.kind == "seeds"
  values = "each with cases of its own" if of_its_own else "a case's value is the mean over seeds"
  return f"{seeds} per method, {values}."


def how_tested(results: Results) -> str:
  """How gains were tested, and what the tests say nothing about."""
  if results.pairs.kind == "seeds":
    pairs = (
      "Gains are paired over seeds, since each has cases of its own, which share its training runs; in "
      "points of Dice, with the percentile bootstrap interval of the mean difference (of few seeds too "
      "narrow: of 8 it holds the mean 89 % of the time)."
    )
  else:
    several = ", of several scans of one their mean" if results.pairs.kind == "patients" else ""
    pairs = (
      f"Gains are paired over {results.pairs.kind}{several}, in points of Dice, with the percentile "
      "bootstrap interval of the mean difference: how they differ from patient to patient, for these "
      "training runs. What chance in training adds, the seeds show."
    )
  return (
    f"{pairs} p: two-sided Wilcoxon signed-rank and paired t-test, Holm-corrected over the "
    "organs of a method (means: over the methods). * p < .05, ** p < .01, *** p < .001 (Wilcoxon)."
    f"{_on_absent_organs(results)}"
  )


def _on_absent_organs(results: Results) -> str:
  dice, scored = (
    np.array([one.table(results.cases, results.organs, undefined=undefined) for one in results.methods])
    for undefined in (np.nan, 1.0)
  )
  text = ""
  if np.isnan(scored).any():
    text += " Where a case does not annotate an organ there is no pair; in mean gains organs weigh the same."
  if (np.isnan(dice) & ~np.isnan(scored)).any():
    text += (
      " Of an organ that a case lacks there is a pair only where one of the two methods draws it: 0 for that "
      "one, 1 for the other, so that a gain need not be the difference of two means of Dice."
    )
  return text
