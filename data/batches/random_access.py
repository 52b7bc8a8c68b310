"""Random access: what is drawn n-th is known without drawing what comes before, and the arrays that it is
drawn from."""

from __future__ import annotations

import functools

import numpy as np


def stream_seed(seed, stream):
  """One 64-bit seed from a run's seed and a stream's number, so that no stream shifts another."""
  return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0])


def generator(seed, number):
  """The generator of example `number`; its stream overlaps with no other number's."""
  return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, number]))


@functools.lru_cache(maxsize=8)
def shuffled(count, *key):
  """A permutation of range(count), a function of `key` alone: integers of at least 0, such as (seed,
  epoch)."""
  return np.random.default_rng(key).permutation(count)


def opener(cases):
  """A function from a case's index to its memory-mapped (image, label).

  It keeps no more than 64 cases open: each map holds a file descriptor, and a store of a thousand cases would
  need more than a process may have.
  """
  return functools.lru_cache(maxsize=64)(lambda index: (cases[index].image(), cases[index].label()))
