"""How many pixels a 2-D network can be given at a time in the memory that there is."""

from __future__ import annotations

import pathlib

import tensorflow as tf

_SIDE = 129  # of the image that the memory is estimated with; 128 + 1 is on every grid of strides
_SPARE = 1.5  # kernels pack their inputs anew, and the graph's order is not the only one that is possible
_SHARE = 0.5  # of what is free: reading the scan, its labels and the probabilities take the other half
_LEAST = 2**16  # pixels: less than a slice of 256 x 256 is not worth a loop
_CGROUPS = (  # (limit, in use), of version 2 and of version 1
  ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
  ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_bytes(root: pathlib.Path = pathlib.Path("/")) -> int | None:
  """The memory that this process may still take: what Linux calls available, or what is left of a container's
  limit if that is less. None where the system does not tell."""
  found = []
  try:
    lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
  except (OSError, ValueError):
    pass
  for limit, used in _CGROUPS:
    try:
      found.append(int(_read(root, limit)) - int(_read(root, used)))
    except (OSError, ValueError):  # no such file, or "max"
      continue
  return max(0, min(found)) if found else None


def bytes_per_pixel(network: tf.keras.Model, channels: int) -> float:
  """The memory that a network takes for a pixel of its input, as its graph tells: the largest sum of tensors
  that are still needed while an operation runs, where one after the other runs."""

  def logits(image: tf.Tensor) -> tf.Tensor:
    return network(image, training=False)

  image = tf.TensorSpec([1, _SIDE, _SIDE, channels], tf.float32)
  graph = tf.function(logits).get_concrete_function(image).graph
  operations = graph.get_operations()
  last_use = {tensor.ref(): number for number, one in enumerate(operations) for tensor in one.inputs}
  live, most, ends = 0, 0, dict[int, int]()
  for number, one in enumerate(operations):
    if one.type in ("Const", "ReadVariableOp", "Placeholder"):
      continue
    for tensor in one.outputs:
      size = _bytes(tensor)
      live += size
      until = last_use.get(tensor.ref(), number)
      ends[until] = ends.get(until, 0) + size
    most = max(most, live)
    live -= ends.pop(number, 0)
  return _SPARE * most / _SIDE**2


def pixels_at_once(network: tf.keras.Model, channels: int, memory_bytes: float) -> int:
  """How many pixels fit.

  Args:
    channels: of the network's input.
    memory_bytes: what its activations may take.
  Returns:
    At least _LEAST, as a network that is given less is slow and still needs a whole image.
  """
  return max(_LEAST, int(memory_bytes / max(bytes_per_pixel(network, channels), 1.0)))


def chosen_memory_bytes(memory_gb: float | None) -> float | None:
  """What the networks may take: as given, in 10^9 bytes, or else a share of what is available; None where
  nothing is given and the system does not tell."""
  if memory_gb is not None:
    return memory_gb * 1e9
  available = available_bytes()
  return None if available is None else available * _SHARE


def _read(root: pathlib.Path, path: str) -> str:
  return (root / path.lstrip("/")).read_text(encoding="ascii")


def _bytes(tensor: tf.Tensor) -> int:
  count = tensor.shape.num_elements()
  if count is None or tensor.dtype in (tf.resource, tf.variant, tf.string):
    return 0
  return int(count * tensor.dtype.size)
