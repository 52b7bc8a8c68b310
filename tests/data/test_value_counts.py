"""Counts equal NumPy's own, whatever the shape."""

import numpy as np
import pytest

from data import value_counts
from data.value_counts import counts_by_value, values_of


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4, 5), (2, 1)])
def test_counts_are_those_of_numpy(shape, monkeypatch):
  monkeypatch.setattr(value_counts, "_PART", 4)
  label = np.random.default_rng(0).choice(np.array([0, 3, 255], np.uint8), shape).astype(np.uint8)
  np.testing.assert_array_equal(value_counts.value_counts(label), np.bincount(label.ravel(), minlength=256))
  assert values_of(label) == np.unique(label).tolist()


def test_a_turned_array():
  label = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[::-1].transpose(2, 0, 1)
  assert values_of(label) == list(range(24))


def test_integers_of_any_kind_are_counted():
  label = np.array([[300, -2, 300], [0, 7, 0]])
  for kind in (np.int16, np.int32, np.int64):
    assert counts_by_value(label.astype(kind)) == {-2: 1, 0: 2, 7: 1, 300: 2}
  assert counts_by_value(np.array([7, 0, 7], np.uint8)) == {0: 1, 7: 2}
