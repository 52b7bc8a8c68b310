"""Ctrl-C and SIGTERM: at once where nothing would be lost, else at the end of the step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from data import command

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
  """Whether the process was asked to end, and whether that may wait.

  Reading a store, resampling, compiling and validating take longer than a batch system grants between SIGTERM
  and SIGKILL (Slurm: 30 s), and can be done again. Steps that no checkpoint holds are worth the wait.

  Attributes:
    unsaved: whether there are such steps. While there are, a first signal is only noted.
  """

  def __init__(self) -> None:
    self.unsaved = False
    self._noted: int | None = None

  @property
  def requested(self) -> bool:
    """Whether a signal waits to be heeded."""
    return self._noted is not None

  def note(self, number: int, frame: FrameType | None = None) -> None:
    """Handles a signal: keeps the first for `heed` where steps would be lost, raises at once otherwise."""
    if self.requested or not self.unsaved:
      command.interrupt(number)
    self._noted = number

  def heed(self) -> None:
    """Raises Terminated or KeyboardInterrupt, as the signal asks that was noted; none was: returns."""
    if self._noted is not None:
      command.interrupt(self._noted)


@contextlib.contextmanager
def heeded() -> Iterator[Interruption]:
  """Has an Interruption take the signals of a block.

  Outside the main thread signals cannot be taken, and none is noted.
  """
  interruption = Interruption()
  if threading.current_thread() is not threading.main_thread():
    yield interruption
    return
  before = {number: signal.signal(number, interruption.note) for number in _NUMBERS}
  try:
    yield interruption
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
