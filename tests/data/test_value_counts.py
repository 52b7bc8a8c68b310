"""Counts equal NumPy's own, whatever the shape."""

import numpy as np
import pytest

from data import value_counts
from data.value_counts import values_of


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4, 5), (2, 1)])
def test_counts_are_those_of_numpy(shape, monkeypatch):
  monkeypatch.setattr(value_counts, "_PART", 4)
  label = np.random.default_rng(0).choice(np.array([0, 3, 255], np.uint8), shape).astype(np.uint8)
  np.testing.assert_array_equal(value_counts.value_counts(label), np.bincount(label.ravel(), minlength=256))
  assert values_of(label) == np.unique(label).tolist()


def test_a_turned_array():
  label = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)[::-1].transpose(2, 0, 1)
  assert values_of(label) == list(range(24))
