"""What one case may fail by while the others go on, in the words of the user."""

from __future__ import annotations

from data.input_error import InputError


class SegmentationError(Exception):
  """The network cannot be applied to a scan; the text says why."""


FAILURES = (InputError, OSError, UnicodeError, MemoryError, SegmentationError)


def reason(error: Exception, scan: object) -> str:
  """One line that begins with the scan and ends with the way out."""
  if isinstance(error, InputError):
    return str(error)
  if isinstance(error, OSError):  # readers have their own words for it
    return (
      f"{scan}: its outputs cannot be written ({error.strerror or error}); make room, and run this again."
    )
  if isinstance(error, UnicodeError):
    return f"{scan}: the name or that of a folder above is not in UTF-8; rename it."
  if isinstance(error, MemoryError):
    return f"{scan}: there is not enough memory for it; close other programs, or crop the scan."
  return f"{scan}: TensorFlow cannot segment it ({error})."
