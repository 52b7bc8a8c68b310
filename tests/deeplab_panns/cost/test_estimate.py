"""Steps on a machine of round numbers."""

import dataclasses

import pytest

from deeplab_panns.cost.estimate import OF_BANDWIDTH, OF_OPERATIONS, Step, estimate
from deeplab_panns.cost.machines import Machine
from deeplab_panns.cost.network_cost import NetworkCost

ROUND = Machine("round", 1, {4: 1.0, 2: 2.0}, 1000.0, 10.0, 100.0)


def test_multiplications_alone():
  found = estimate(NetworkCost(1e12 / 6, 0, 0, 0), Step(batch=5), ROUND)
  assert found.least_seconds == pytest.approx(5) and found.seconds == pytest.approx(5 / OF_OPERATIONS)
  assert estimate(NetworkCost(1e12 / 6, 0, 0, 0), Step(5, 0, 2), ROUND).least_seconds == pytest.approx(2.5)


def test_bytes_alone():
  # 5 examples x 3 passes x written and read x 4 bytes
  found = estimate(NetworkCost(0, 1e12 / 120, 0, 0), Step(batch=5), ROUND)
  assert found.least_seconds == pytest.approx(1) and found.seconds == pytest.approx(1 / OF_BANDWIDTH)
  assert found.memory_gb == pytest.approx(5 * 4 * 1e3 / 120)


def test_the_teacher_goes_forwards_only():
  cost = NetworkCost(1e12 / 6, 0, 0, 0)
  assert estimate(cost, Step(4, 3), ROUND).least_seconds == pytest.approx(4 + 1)


def test_devices_share_examples_and_exchange_gradients():
  cost, four = NetworkCost(1e12 / 6, 0, 0, 10**9), dataclasses.replace(ROUND, devices=4)
  one, several = (estimate(cost, Step(8), machine) for machine in (ROUND, four))
  weights = 4 * 5 * 1e9 / 1e12  # read and written by every device
  assert one.seconds == pytest.approx(8 / OF_OPERATIONS + weights / OF_BANDWIDTH)
  exchange = 2 * 4 * 1e9 * 0.75 / 100e9
  assert several.seconds == pytest.approx(2 / OF_OPERATIONS + weights / OF_BANDWIDTH + exchange)
  assert several.memory_gb == pytest.approx(16)
