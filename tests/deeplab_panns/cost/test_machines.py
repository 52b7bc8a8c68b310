"""Promises that fit together."""

import pytest

from deeplab_panns.cost.machines import MACHINES


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_fewer_bits_are_no_slower_and_memory_is_read_in_less_than_a_second(machine):
  assert machine.teraflops[2] >= machine.teraflops[4] > 0
  assert 0.01 < machine.memory / machine.bandwidth < 1
  assert machine.devices == 1 or machine.link > 0
