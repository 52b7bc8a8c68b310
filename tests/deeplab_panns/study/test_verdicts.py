"""When a hypothesis holds, on numbers that can be checked by hand."""

import numpy as np

from deeplab_panns.study.plan import Expectation
from deeplab_panns.study.verdicts import judge
from tests.deeplab_panns.study.conftest import cell_scores, constant_scores


def verdicts(*expectations, **cells):
  scores = {
    name: constant_scores(name, *values) if values else cell_scores(name, None)
    for name, values in cells.items()
  }
  return [verdict.verdict for verdict in judge(expectations, scores)]


def test_verdicts():
  cells = {
    "full": (0.5, 0.52, 0.51) * 2,
    "semi": (0.45, 0.46, 0.44) * 2,
    "panns": (0.6, 0.63, 0.6) * 2,
    "missing": (),
  }
  # The gains are .10, .11, .09, twice: t = 27.4, p = 1.2e-6.
  assert verdicts(Expectation(("full", "panns")), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "panns"), 0.0, 1e-6), **cells) == ["not shown"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["the opposite holds", "holds"]
  assert verdicts(Expectation(("full", "missing")), **cells) == ["not run"]


def test_five_seeds_are_too_few():
  cells = {"full": (0.5,) * 5, "panns": (0.6, 0.6, 0.7, 0.6, 0.6)}
  assert verdicts(Expectation(("full", "panns")), **cells) == ["too few seeds for a test"]


def test_many_volumes_do_not_make_a_hypothesis_hold():
  """Four seeds of six say yes, the others say no."""
  cells = {"full": (0.5,) * 6, "panns": (0.55, 0.55, 0.45) * 2}
  assert verdicts(Expectation(("full", "panns"), 0.0, 0.3), **cells) == ["not shown"]


def test_a_margin_must_be_passed():
  cells = {"full": (0.5, 0.5, 0.5) * 2, "panns": (0.6, 0.61, 0.59) * 2}
  assert verdicts(Expectation(("full", "panns"), 8.0), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "panns"), 10.0), **cells) == ["not shown"]
  assert verdicts(Expectation(("full", "panns"), 12.0), **cells) == ["not by that much"]


def test_points_below_0_ask_whether_a_cell_is_not_worse_by_that_much():
  cells = {"full": (0.6, 0.61, 0.59) * 2, "panns": (0.595, 0.605, 0.595) * 2}
  assert verdicts(Expectation(("full", "panns"), -2.0), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "panns"), 0.0), **cells) == ["not shown"]
  cells["panns"] = (0.5, 0.51, 0.49) * 2
  assert verdicts(Expectation(("full", "panns"), -2.0), **cells) == ["the opposite holds"]


def test_the_steps_of_a_part_are_corrected_together():
  cells = {"full": (0.5,) * 6, "semi": (0.6, 0.7, 0.5) * 2, "panns": (0.7, 0.9, 0.5) * 2}
  # Of each step t = 2.74, p = .041.
  assert verdicts(Expectation(("full", "semi")), **cells) == ["holds"]
  assert verdicts(Expectation(("full", "semi", "panns")), **cells) == ["not shown", "not shown"]


def test_without_a_difference_one_time_in_twenty_has_a_verdict():
  """Seeds and volumes scatter, and the volumes of a seed together, as measured; nothing is true."""
  rng = np.random.default_rng(0)
  found = []
  for _ in range(400):
    gains = rng.normal(0, 0.06, (6, 1, 1)) + rng.normal(0, 0.05, (6, 20, 1)) + np.zeros(2)
    cells = {"a": cell_scores("a", *np.full((6, 20, 2), 0.5)), "b": cell_scores("b", *(0.5 + gains))}
    found.append(judge([Expectation(("a", "b"))], cells)[0].verdict)
  assert 0.02 < np.mean(np.array(found) != "not shown") < 0.08
