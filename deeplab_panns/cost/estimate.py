"""Seconds and memory of a training step on a machine, by two limits: multiplications, and bytes moved."""

from __future__ import annotations

import dataclasses

from deeplab_panns.cost.machines import Machine
from deeplab_panns.cost.network_cost import NetworkCost

# Of what the maker promises: what large convolutions and elementwise operations usually reach.
OF_OPERATIONS, OF_BANDWIDTH = 0.4, 0.7
_FLOAT32 = 4
_LOSS_PASSES = 10  # over the logits in float32: softmax, losses, prior, each with its gradient
_COPIES = 4  # of the weights: themselves, their gradient, momentum, the teacher


@dataclasses.dataclass(frozen=True)
class Step:
  """What a step trains.

  Attributes:
    batch: examples on all devices.
    labelled_by_teacher: of them, those that the teacher labels.
    bytes_a_number: of activations: 4, or 2 with mixed precision.
  """

  batch: int
  labelled_by_teacher: int = 0
  bytes_a_number: int = _FLOAT32


@dataclasses.dataclass(frozen=True)
class Estimate:
  """Of one step on one machine.

  Attributes:
    least_seconds: no program is faster: all operations at the promised rate, or all bytes.
    seconds: at OF_OPERATIONS and OF_BANDWIDTH, one after the other.
    memory_gb: of the fullest device; XLA and recomputation can do with less.
  """

  least_seconds: float
  seconds: float
  memory_gb: float


def estimate(cost: NetworkCost, step: Step, machine: Machine) -> Estimate:
  """A training step is three times the forward pass: gradients of weights and of inputs are as large."""
  share = step.batch / machine.devices
  taught = step.labelled_by_teacher / machine.devices
  operations = 2 * cost.multiply_accumulates * (3 * share + taught)
  # every result is written, and read by the next operation
  moved = 2 * step.bytes_a_number * cost.activations * (3 * share + taught)
  moved += _FLOAT32 * (_LOSS_PASSES * cost.logits * share + (_COPIES + 1) * cost.parameters)
  compute = operations / (machine.teraflops[step.bytes_a_number] * 1e12)
  memory = moved / (machine.bandwidth * 1e9)
  exchange = 0.0
  if machine.devices > 1:  # a ring: each gradient passes by every device twice
    exchange = 2 * _FLOAT32 * cost.parameters * (1 - 1 / machine.devices) / (machine.link * 1e9)
  kept = step.bytes_a_number * cost.activations * share + 3 * _FLOAT32 * cost.logits * share
  return Estimate(
    max(compute, memory, exchange),
    compute / OF_OPERATIONS + memory / OF_BANDWIDTH + exchange,
    (kept + _COPIES * _FLOAT32 * cost.parameters) / 1e9,
  )
