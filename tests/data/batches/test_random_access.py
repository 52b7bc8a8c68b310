"""What is drawn n-th, whatever was drawn before."""

import numpy as np

from data.batches.random_access import generator, opener, shuffled, stream_seed


def test_permutations_by_key():
  orders = [tuple(shuffled(20, *key)) for key in ((7, 0), (7, 1), (8, 0), (7, 0, 1), (7, 0, 2))]
  assert len(set(orders)) == 5 and all(sorted(order) == list(range(20)) for order in orders)
  shuffled.cache_clear()
  assert tuple(shuffled(20, 7, 1)) == orders[1]


def test_generators_by_number():
  draws = [tuple(generator(5, number).integers(0, 1000, 4)) for number in (0, 1, 2**40)]
  assert len(set(draws)) == 3 and draws[1] == tuple(generator(5, 1).integers(0, 1000, 4))


def test_streams_have_seeds_of_their_own():
  assert len({stream_seed(seed, stream) for seed in range(50) for stream in (1, 2, 3)}) == 150


def test_an_open_case_is_not_opened_again():
  class Case:
    opened = 0

    def image(self):
      self.opened += 1
      return np.zeros(1)

    label = image

  cases = [Case() for _ in range(3)]
  arrays = opener(cases)
  for index in (0, 1, 0, 0):
    arrays(index)
  assert [case.opened for case in cases] == [2, 2, 0]
