"""Cases worked on one after the other or side by side in threads, with a bar and the time that is left."""

from __future__ import annotations

import concurrent.futures
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import tqdm

from data.signals import stops
from deeplab_panns.prediction.failures import FAILURES
from deeplab_panns.prediction.scan import Scan

Result = TypeVar("Result")


class CaseQueue(Generic[Result]):
  """Iterating over it gives (id, what `work(id, scan)` returned, or what it failed by), as they are ready.

  Threads, since reading and compressing leave Python's lock to others; the caller's thread gets the results.

  Attributes:
    done: how many cases have been given.
  """

  def __init__(self, work: Callable[[str, Scan], Result], scans: Mapping[str, Scan], jobs: int = 1) -> None:
    """
    Args:
      jobs: cases in hand at a time; 1 works in the caller's thread.
    """
    self._work = work
    self._scans = scans
    self._jobs = jobs
    self._begun = time.monotonic()
    self._worked = 0
    self.done = 0

  def __iter__(self) -> Iterator[tuple[str, Result | Exception]]:
    self._begun = time.monotonic()
    with tqdm.tqdm(
      total=len(self._scans), desc="predict", unit="case", disable=not sys.stderr.isatty()
    ) as bar:
      for name, result in self._results():
        self.done += 1
        self._worked += result is not None and not isinstance(result, Exception)
        bar.update()
        yield name, result

  def time_left(self) -> str:
    """For the end of a message, as "; about 3 min to go"; empty at the end, and while nothing is known.

    What failed, and where `work` returned None as there was nothing to do, tells nothing of the others.
    """
    left = len(self._scans) - self.done
    if not left or not self._worked:
      return ""
    seconds = (time.monotonic() - self._begun) / self._worked * left
    return f"; about {spoken(seconds)} to go"

  def _results(self) -> Iterator[tuple[str, Result | Exception]]:
    if self._jobs <= 1:
      for name, scan in self._scans.items():
        yield name, self._try(name, scan)
      return
    with stops.watched():
      pool = concurrent.futures.ThreadPoolExecutor(self._jobs)
      try:
        running = {pool.submit(self._try, name, scan): name for name, scan in self._scans.items()}
        for future in concurrent.futures.as_completed(running):
          yield running[future], future.result()
      finally:  # Ctrl-C: networks stop, what is read and written in hand ends, nothing new begins
        pool.shutdown(wait=True, cancel_futures=True)

  def _try(self, name: str, scan: Scan) -> Result | Exception:
    try:
      return self._work(name, scan)
    except FAILURES as error:
      return error


def spoken(seconds: float) -> str:
  """A length of time in one unit: 40 s, 3 min, 2.5 h."""
  if seconds < 90:
    return f"{max(1, round(seconds))} s"
  if seconds < 5400:
    return f"{round(seconds / 60)} min"
  return f"{seconds / 3600:.1f} h"
