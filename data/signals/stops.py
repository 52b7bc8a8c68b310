"""Ctrl-C and SIGTERM while one call of a library takes minutes, or while other threads work.

Python runs a signal's handler in the main thread, between two instructions of its own: not before TensorFlow
returns with a whole volume. But at once a byte is written (`signal.set_wakeup_fd`), which a thread waits for.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from data import command

GRACE_SECONDS = 20.0  # batch systems kill 30 s after SIGTERM (Slurm's KillWait, Kubernetes)
_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class _Watch:
  """Hears the signals from its making to `close`, in a thread of its own.

  Attributes:
    number: of the first signal, 0 before.
  """

  def __init__(self) -> None:
    self.number = 0
    self._stops: list[Callable[[], None]] = []
    self._lock = threading.Lock()
    self._reader, self._writer = os.pipe()
    os.set_blocking(self._writer, False)
    signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
    self._thread = threading.Thread(target=self._listen, daemon=True)
    self._thread.start()

  def close(self) -> None:
    signal.set_wakeup_fd(-1)
    os.write(self._writer, b"\0")
    self._thread.join()
    os.close(self._reader)
    os.close(self._writer)

  def add(self, stop: Callable[[], None]) -> None:
    """Has a signal call `stop`; one that was there before calls it now."""
    with self._lock:
      self._stops.append(stop)
      if self.number:
        stop()

  def remove(self, stop: Callable[[], None]) -> None:
    with self._lock:
      self._stops.remove(stop)

  def _listen(self) -> None:
    while True:
      waits = GRACE_SECONDS if self.number else None
      if not select.select([self._reader], [], [], waits)[0]:
        _end_now(self.number)
        return
      number = os.read(self._reader, 1)[0]
      if not number:
        return
      if number in _NUMBERS and not self.number:
        with self._lock:
          self.number = number
          for stop in self._stops:
            stop()


_watch: _Watch | None = None


@contextlib.contextmanager
def watched() -> Iterator[None]:
  """Has the blocks of `stopped_by`, in all threads, hear the signals that come before this block is left.

  A command that has not left it GRACE_SECONDS after SIGTERM is ended: what it is at cannot be stopped. Within
  another such block, outside the main thread, and where another program has taken what this needs
  (`signal.set_wakeup_fd`), it adds nothing.
  """
  global _watch
  if _watch or threading.current_thread() is not threading.main_thread() or _is_taken():
    yield
    return
  _watch = _Watch()
  try:
    yield
  finally:
    watch, _watch = _watch, None
    watch.close()


@contextlib.contextmanager
def stopped_by(stop: Callable[[], None]) -> Iterator[None]:
  """A block that a signal ends early; what it does can be done again.

  Args:
    stop: makes the block fail soon; it is called in another thread.
  Raises:
    Terminated or KeyboardInterrupt: Whatever the block did, if there was a signal.
  """
  with watched():
    watch = _watch
    if watch is None:
      yield
      return
    watch.add(stop)
    try:
      yield
    except Exception:
      if not watch.number:
        raise
    finally:
      watch.remove(stop)
    if watch.number:
      command.interrupt(watch.number)


def heed() -> None:
  """Raises what a signal asks for that came in the block of `watched` around this; for loops of threads."""
  if _watch and _watch.number:
    command.interrupt(_watch.number)


def _is_taken() -> bool:
  before = signal.set_wakeup_fd(-1)
  if before != -1:
    signal.set_wakeup_fd(before)
  return before != -1


def _end_now(number: int) -> None:
  """Ends the process if SIGTERM is answered as commands do; other programs decide for themselves."""
  if number == signal.SIGTERM and signal.getsignal(number) is command.interrupt:
    print(f"error: {command.TERMINATED}", file=sys.stderr, flush=True)
    os._exit(command.EXIT_TERMINATED)
