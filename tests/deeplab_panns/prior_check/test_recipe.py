"""Which flagfile a store is told to take, and that the reason is what the study's tables say."""

import csv

import numpy as np
import pytest

from deeplab_panns.prior_check import check
from deeplab_panns.prior_check.recipe import BEST, MARGINAL, recipe
from tests.conftest import ROOT
from tests.deeplab_panns.prior_check.patients import checked, patients


def of_partial(count, **scans):
  rng = np.random.default_rng(9)
  return recipe(check.check(*checked(patients(rng, 24), patients(rng, count, ("liver",), **scans))))


@pytest.mark.parametrize(
  "count, scans, flagfile",
  [(24, {}, BEST), (24, {"depth": 300}, MARGINAL), (2, {}, MARGINAL)],
  ids=["the prior holds", "the scans are longer", "too few cases to tell"],
)
def test_the_flagfile(count, scans, flagfile):
  line = of_partial(count, **scans)
  assert line.startswith(f"Recipe: {flagfile}, since") and "\n" not in line and len(line) <= 300
  assert (ROOT / flagfile).is_file()


def points(part, cell, column="reference_difference"):
  path = ROOT / "experiments" / "study" / "results" / part / "table.csv"
  (row,) = [row for row in csv.DictReader(path.open(encoding="utf-8")) if row["cell"] == cell]
  return row["reference"], f"{abs(100 * float(row[column])):.1f}", row["reference_seeds_ahead"]


def test_the_reasons_are_in_the_tables():
  assert points("fields", "best-upper")[:2] == ("marginal-upper", "3.4")
  assert points("fields", "best-box")[:2] == ("marginal-box", "4.8")
  assert points("beyond", "best") == ("marginal", "3.5", "8")
  assert "3.4 and 4.8 points" in of_partial(24, depth=300) and "3.5 points" in of_partial(24)
