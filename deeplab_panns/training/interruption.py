"""Ctrl-C and SIGTERM at the end of a step instead of within it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
  """Attributes:
  requested: whether the user or the system asked the process to end.
  """

  def __init__(self) -> None:
    self.requested = False


@contextlib.contextmanager
def heeded() -> Iterator[Interruption]:
  """Notes the first signal for the block to act on; a second one interrupts at once.

  Outside the main thread signals cannot be taken, and none is noted.
  """
  interruption = Interruption()
  if threading.current_thread() is not threading.main_thread():
    yield interruption
    return

  def note(number: int, frame: FrameType | None) -> None:
    if interruption.requested:
      raise KeyboardInterrupt
    interruption.requested = True

  before = {number: signal.signal(number, note) for number in _NUMBERS}
  try:
    yield interruption
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
