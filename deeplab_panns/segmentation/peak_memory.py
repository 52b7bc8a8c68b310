"""The most memory that this process has held."""

from __future__ import annotations

import re


def peak_memory_gb() -> float:
  """The largest resident size since the program started, in 10^9 bytes, as Linux counts it.

  It is read from /proc. The ru_maxrss of getrusage outlives exec: a small program that a large one starts
  would report the memory of the large one.

  Raises:
    OSError: If the system does not report it.
  """
  with open("/proc/self/status", encoding="utf-8") as status:
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
  if found is None:
    raise OSError("/proc/self/status has no line VmHWM")
  return int(found[1]) * 1024 / 1e9
