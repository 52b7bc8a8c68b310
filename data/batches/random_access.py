"""Random access to examples: number n is known without drawing the ones before it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from data.arrays import Integers, Labels, StoredImage
from data.stored.store import StoredCase


def stream_seed(seed: int, stream: int) -> int:
  """One 64-bit seed from a run's seed and a stream's number, so that no stream shifts another."""
  return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0])


def generator(seed: int, number: int) -> np.random.Generator:
  """The generator of example `number`; its random numbers overlap with those of no other example."""
  return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, number]))


@functools.lru_cache(maxsize=8)
def shuffled(count: int, *key: int) -> Integers:
  """A permutation of range(count) that `key` alone decides: integers of at least 0, such as (seed, epoch)."""
  return np.random.default_rng(key).permutation(count)


class SetRounds:
  """Draws cases in rounds, in each of which every set of n cases has round(√n) draws.

  Sets of very different size thus meet between their own proportions, under which a small one is hardly seen,
  and equal parts, under which its few cases are learned by heart. The square root is that of Ulrich et al.,
  "MultiTalent", 2023. Within a set the cases come without replacement.
  """

  def __init__(self, sets: Sequence[Hashable], seed: int) -> None:
    """Args:
    sets: of each case, which one it is of.
    """
    self._seed = seed
    self._members = [[case for case, own in enumerate(sets) if own == one] for one in dict.fromkeys(sets)]
    self._draws = [round(math.sqrt(len(members))) for members in self._members]
    self._slots = [(own, rank) for own, draws in enumerate(self._draws) for rank in range(draws)]

  def pick(self, number: int) -> tuple[int, int]:
    """(case, how often it has come before) of draw `number`."""
    turn, position = divmod(number, len(self._slots))
    own, rank = self._slots[shuffled(len(self._slots), self._seed, turn)[position]]
    members = self._members[own]
    before, position = divmod(turn * self._draws[own] + rank, len(members))
    # a key of its own kind: slices of a case are shuffled by (seed, epoch, 1 + case)
    return members[shuffled(len(members), self._seed, before, 1 + own, 1)[position]], before


def opener(cases: Sequence[StoredCase]) -> Callable[[int], tuple[StoredImage, Labels]]:
  """A function from a case's index to its memory-mapped (image, label), both uint8 [z, y, x].

  It keeps no more than 64 cases open: each map holds a file descriptor, and a store of a thousand cases would
  need more than a process may have.
  """
  return functools.lru_cache(maxsize=64)(lambda index: (cases[index].image(), cases[index].label()))
