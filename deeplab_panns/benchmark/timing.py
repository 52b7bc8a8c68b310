"""Times measures in turns, and says what came out."""

from __future__ import annotations

import importlib.metadata
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deeplab_panns.benchmark.measures import Measure

UNTIMED = 2  # first repetitions, in which TensorFlow still traces and caches fill


def time_in_turns(
  measures: Sequence[Measure], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
  """Seconds of each measure, `repeats` of them.

  The measures take turns, so that whatever else slows the machine down strikes all of them alike.

  Args:
    clock: time.process_time counts the processor's seconds, which other programs hardly change.
  """
  seconds: list[list[float]] = [[] for _ in measures]
  for turn in range(repeats + UNTIMED):
    for measure, kept in zip(measures, seconds):
      begun = clock()
      measure.run()
      if turn >= UNTIMED:
        kept.append(clock() - begun)
  return seconds


def result(measure: Measure, seconds: Sequence[float], threads: int, clock: str = "wall") -> dict[str, Any]:
  """The JSON line of a measure: minimum, median and spread in seconds, and the facts they belong to.

  Args:
    clock: whose seconds, "wall" or "processor".
  """
  versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "numpy")}
  macs, examples = (measure.facts.get(name) for name in ("multiply_accumulates", "examples"))
  return {
    "measure": measure.name,
    "minimum_s": min(seconds),
    "median_s": statistics.median(seconds),
    "spread_s": max(seconds) - min(seconds),
    "repeats": len(seconds),
    **measure.facts,
    **({"seconds_per_forward_gmac": min(seconds) / macs * 1e9} if macs else {}),
    **({"examples_per_s": examples / statistics.median(seconds)} if examples else {}),
    "threads": threads,
    "clock": clock,
    **versions,
  }


def as_text(results: Sequence[Mapping[str, Any]]) -> str:
  """A table of results with a line for each, and below it what two of them say together."""
  header = (
    f"{'measure':<34} {'minimum s':>10} {'median s':>10} {'spread s':>10} {'parameters':>12} {'GMAC':>8}"
  )
  return "\n".join([header, *map(_table_line, results), *ratios(results)])


def _table_line(line: Mapping[str, Any]) -> str:
  parameters, gmac = "-", "-"
  if "parameters" in line:
    parameters, gmac = f"{line['parameters']:,}", f"{line['multiply_accumulates'] / 1e9:.2f}"
  seconds = " ".join(f"{line[name]:>10.4f}" for name in ("minimum_s", "median_s", "spread_s"))
  return f"{line['measure']:<34} {seconds} {parameters:>12} {gmac:>8}"


def ratios(results: Sequence[Mapping[str, Any]]) -> list[str]:
  """What two measures say together, as lines of text: the cost of PaNN's own part, and of the windows; and
  what a pipeline makes a second."""
  by_name = {line["measure"]: line for line in results}
  lines = []
  if "panns step" in by_name:
    ratio = by_name["panns step"]["minimum_s"] / by_name["supervised step"]["minimum_s"]
    lines.append(f"panns step / supervised step: {ratio:.3f} (minima)")
  if "one window" in by_name:
    total, alone = by_name["sliding_window volume"], by_name["one window"]
    own = 1 - total["windows"] * alone["minimum_s"] / total["minimum_s"]
    lines.append(f"windowing: {100 * own:.1f} % of the time of {total['windows']} windows (minima)")
  lines += [
    f"{line['measure']}: {line['examples_per_s']:.0f} examples/"
    f"{'processor s' if line['clock'] == 'processor' else 's'} (median)"
    for line in results
    if "examples_per_s" in line
  ]
  return lines
