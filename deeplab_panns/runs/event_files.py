"""TensorBoard's event files of a run, written; a full disk is one line."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import tensorflow as tf

from data.input_error import InputError


class EventsNotWritten(InputError):
  """The disk is full, or the folder cannot be written to."""


@contextlib.contextmanager
def written(folder: pathlib.Path) -> Iterator[None]:
  """For a block that writes events into `folder`, and flushes them.

  Raises:
    EventsNotWritten: If TensorFlow cannot.
  """
  try:
    yield
  except tf.errors.OpError as error:
    # "{{node}} PATH; File too large\n\tFailed to flush ..."
    found = error.message.partition(";")[2].strip().partition("\n")[0][:80] or error.message[:80]
    raise EventsNotWritten(
      f"{folder}: TensorBoard's events cannot be written ({found}); make room, and run the same "
      "command again."
    ) from None
