"""How much memory this process has held at most."""

import re


def peak_memory_gb():
  """The largest resident size since the program started, in 10^9 bytes, as Linux counts it.

  From /proc, since getrusage's ru_maxrss outlives exec: a small program that a large one starts would report
  the large one's.
  """
  with open("/proc/self/status", encoding="utf-8") as status:
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
  if found is None:
    raise OSError("/proc/self/status names no VmHWM")
  return int(found[1]) * 1024 / 1e9
