"""The learning rate over both stages, against the formula."""

import numpy as np
import pytest

from deeplab_panns.method.schedules import TwoStages


def test_poly_restarts_at_stage_2_and_ends_at_zero():
  rates = TwoStages((0.1, 0.02), (10, 5), "poly")
  expected = (
    [0.1 * (1 - k / 10) ** 0.9 for k in range(10)] + [0.02 * (1 - k / 5) ** 0.9 for k in range(5)] + [0]
  )
  np.testing.assert_allclose([rates(step) for step in range(16)], expected, rtol=1e-5, atol=1e-9)


def test_constant():
  rates = TwoStages((5e-4, 1e-5), (3, 3), "constant")
  np.testing.assert_allclose([rates(step) for step in range(6)], [5e-4] * 3 + [1e-5] * 3)


def test_warmup_rises_in_stage_2_alone():
  rates = TwoStages((0.1, 0.02), (2, 5), "constant", warmup_steps=4)
  np.testing.assert_allclose(
    [rates(step) for step in range(7)], [0.1, 0.1, 0.005, 0.01, 0.015, 0.02, 0.02], rtol=1e-6
  )


def test_warmup_times_poly():
  slow, plain = TwoStages((1.0, 2.0), (3, 8), "poly", warmup_steps=2), TwoStages((1.0, 2.0), (3, 8), "poly")
  np.testing.assert_allclose([slow(step) / plain(step) for step in range(6)], [1, 1, 1, 0.5, 1, 1], rtol=1e-6)


def test_a_stage_of_no_steps():
  assert float(TwoStages((0.1, 0.02), (0, 4), "poly")(0)) == pytest.approx(0.02)


def test_another_policy_is_refused():
  with pytest.raises(ValueError, match="cosine"):
    TwoStages((1, 1), (1, 1), "cosine")
