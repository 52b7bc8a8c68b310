"""The random numbers of a case depend on seed, role and index alone."""

import itertools

import pytest

from data.synthetic.synthetic_case import ROLES, case_generators


def numbers(seed, role, index, count=2):
  return [tuple(rng.integers(0, 10**9, 3)) for rng in case_generators(seed, role, index, count)]


def test_every_case_has_generators_of_its_own():
  drawn = [one for case in itertools.product((0, 1), ROLES, (0, 1, 2)) for one in numbers(*case)]
  assert len(set(drawn)) == 2 * 3 * 3 * 2
  assert numbers(1, "partial", 2) == numbers(1, "partial", 2)


def test_more_generators_leave_the_first_ones_as_they_were():
  assert numbers(5, "test", 0, 3)[:2] == numbers(5, "test", 0, 2)


def test_a_role_that_there_is_not():
  with pytest.raises(ValueError):
    case_generators(0, "train", 0, 1)
