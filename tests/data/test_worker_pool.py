"""Results come with their keys, errors of one task do not stop the others."""

import os

import pytest

from data.input_error import InputError
from data.worker_pool import in_processes


def halve(number):
  if number % 2:
    raise InputError(f"{number} is odd")
  return number // 2, os.getpid()


def die(number):
  os._exit(number)


def test_one_worker_stays_in_this_process_and_keeps_the_order():
  found = list(in_processes(halve, {"b": (4,), "a": (3,), "c": (6,)}, 1, "died"))
  assert [key for key, _ in found] == ["b", "a", "c"]
  assert found[0][1] == (2, os.getpid()) and str(found[1][1]) == "3 is odd"


def test_two_workers_are_other_processes():
  found = dict(in_processes(halve, {"b": (4,), "a": (3,), "c": (6,)}, 2, "died"))
  assert found["b"][0] == 2 and found["b"][1] != os.getpid()
  assert isinstance(found["a"], InputError)


def test_a_process_that_dies_is_told_of():
  with pytest.raises(InputError, match="died"):
    list(in_processes(die, {"a": (1,), "b": (1,)}, 2, "died"))
