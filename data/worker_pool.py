"""Cases worked on side by side, in processes of their own."""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from typing import Any, Callable, TypeVar

from data.input_error import InputError

Key = TypeVar("Key")
Result = TypeVar("Result")


def in_processes(
  work: Callable[..., Result], tasks: Mapping[Key, tuple[Any, ...]], workers: int, if_one_dies: str
) -> Iterator[tuple[Key, Result | InputError]]:
  """Yields (key, what `work(*tasks[key])` returned, or the InputError it raised), as they are ready.

  Args:
    work: a function of a module, which the processes import.
    workers: processes at a time; 1 works in this process.
    if_one_dies: the error if a process ends without an answer, nearly always for want of memory.
  Raises:
    InputError: `if_one_dies`. Other errors of `work` come through as they are.
  """
  if workers <= 1 or len(tasks) <= 1:
    for key, arguments in tasks.items():
      yield key, _result_or_error(work, arguments)
    return
  # spawn: TensorFlow's threads do not survive a fork. Ctrl-C is the parent's to answer, in one line.
  pool = concurrent.futures.ProcessPoolExecutor(
    min(workers, len(tasks)),
    mp_context=multiprocessing.get_context("spawn"),
    initializer=signal.signal,
    initargs=(signal.SIGINT, signal.SIG_IGN),
  )
  try:
    running = {pool.submit(_result_or_error, work, arguments): key for key, arguments in tasks.items()}
    for future in concurrent.futures.as_completed(running):
      yield running[future], future.result()
  except concurrent.futures.process.BrokenProcessPool:
    raise InputError(if_one_dies) from None
  finally:
    pool.shutdown(cancel_futures=True)


def _result_or_error(work: Callable[..., Result], arguments: tuple[Any, ...]) -> Result | InputError:
  try:
    return work(*arguments)
  except InputError as error:
    return error
