"""Random access to examples: number n is known without drawing the ones before it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

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


def opener(cases: Sequence[StoredCase]) -> Callable[[int], tuple[StoredImage, Labels]]:
  """A function from a case's index to its memory-mapped (image, label), both uint8 [z, y, x].

  It keeps no more than 64 cases open: each map holds a file descriptor, and a store of a thousand cases would
  need more than a process may have.
  """
  return functools.lru_cache(maxsize=64)(lambda index: (cases[index].image(), cases[index].label()))
