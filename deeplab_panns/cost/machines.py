"""Machines as their makers describe them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Machine:
  """One or several equal devices that share a batch.

  Attributes:
    name: as people call it.
    devices: that each take an equal part of the batch.
    teraflops: {4: dense multiply-adds of float32 inputs on the matrix units (TF32; on TPUs bfloat16), 2: of
      float16 or bfloat16}, 10^12 operations a second of one device, by bytes of a number.
    bandwidth: of a device's memory, 10^9 bytes a second.
    memory: of a device, 10^9 bytes.
    link: between the devices, 10^9 bytes a second in each direction.
  """

  name: str
  devices: int
  teraflops: dict[int, float]
  bandwidth: float
  memory: float
  link: float = 0.0


def _several(name: str, count: int, one: Machine) -> Machine:
  return dataclasses.replace(one, name=name, devices=count)


# NVIDIA's data sheets of the A100 80GB SXM, the H100 SXM (halves of its numbers with sparsity) and the Ada
# architecture; cloud.google.com/tpu/docs/v3: 123 teraflops, 900 GB/s and 32 GB a chip of two cores.
A100 = Machine("A100 80GB", 1, {4: 156, 2: 312}, 2039, 80, 300)
H100 = Machine("H100 SXM", 1, {4: 494, 2: 989}, 3350, 80, 450)
RTX_4090 = Machine("RTX 4090", 1, {4: 82.6, 2: 165.2}, 1008, 24, 16)
TPU_V3_CORE = Machine("TPU v3 core", 1, {4: 61.5, 2: 61.5}, 450, 16, 70)
MACHINES = (
  RTX_4090,
  A100,
  _several("8 A100", 8, A100),
  H100,
  _several("8 H100", 8, H100),
  _several("TPU v3-8", 8, TPU_V3_CORE),
)
