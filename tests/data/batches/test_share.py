"""Shares are parts of the batch that one device would draw, to the bit."""

import numpy as np
import pytest

from data.batches.pipeline import Batches
from data.batches.share import Share
from tests.data.batches.test_pipeline import PLAN


def joined(parts):
  """The examples of several replicas as one batch: {"labeled": {"image": ...}, ...}."""
  return {
    kind: {name: np.concatenate([part[kind][name] for part in parts]) for name in parts[0][kind]}
    for kind in parts[0]
  }


@pytest.mark.parametrize("shares", [[Share(2, 0, 2)], [Share(2, 0), Share(2, 1)]], ids=["one host", "two"])
def test_replicas_draw_together_what_one_device_draws(store, splits, shares):
  batches = Batches(store, splits, PLAN, prior_cases=())
  whole = list(batches.mixed(3, 6).as_numpy_iterator())
  hosts = [list(batches.mixed(3, 6, share).as_numpy_iterator()) for share in shares]
  assert [len(host) for host in hosts] == [3 * share.count for share in shares]
  for step, expected in enumerate(whole):
    parts = [part for share, host in zip(shares, hosts) for part in host[step * share.count :][: share.count]]
    for kind, examples in joined(parts).items():
      assert set(examples) == set(expected[kind])
      for name, value in examples.items():
        np.testing.assert_array_equal(value, expected[kind][name])


def test_a_host_draws_no_example_of_another(store, splits, monkeypatch):
  from data.batches.slices import SliceSampler

  drawn, draw = [], SliceSampler.example
  monkeypatch.setattr(
    SliceSampler, "example", lambda self, number: drawn.append(number) or draw(self, number)
  )
  list(Batches(store, splits, PLAN).labeled(0, 2, Share(2, 1)))
  size = PLAN.batch_size
  assert sorted(drawn) == [*range(size // 2, size), *range(size + size // 2, 2 * size)]


def test_what_cannot_be_dealt_is_refused():
  with pytest.raises(ValueError, match="received 6 examples for 4 replicas"):
    Share(4).of(6)
  with pytest.raises(ValueError, match="replicas 3 to 4 do not exist"):
    Share(4, 3, 2)
