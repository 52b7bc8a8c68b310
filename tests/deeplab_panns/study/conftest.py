"""A part of five cells whose scores can be computed by hand, and scores without a cache."""

import numpy as np
import pytest

from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.plan import Cell, Expectation, Part
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.seed_scores import Scores
from deeplab_panns.study.summary import summarize
from tests.conftest import ROOT

STUDY = ROOT / "experiments" / "study"
PARTS = sorted(path.stem for path in STUDY.glob("*.table") if path.stem != "cohorts")

COHORTS = {"phantom": (("data.phantom",), ("data.prepare",))}
DICE = {
  "full": (0.5, 0.6, 0.7) * 2,
  "partial": (0.45, 0.54, 0.66) * 2,
  "panns": (0.6,),
  "oracle": (0.88, 0.9, 0.95) * 2,
}
SEEDS = [1, 2, 3, 4, 5, 6]
CELLS = tuple(
  Cell(name, "phantom", "partial" if name == "panns" else None, {"supervision": name})
  for name in (*DICE, "soft")
)
EXPECTATIONS = Expectation(("full", "partial", "panns")), Expectation(("panns", "soft"))
PART = Part("tiny", {}, CELLS, EXPECTATIONS, {}, COHORTS)


def cell_scores(name, *tables):
  """Scores of seeds 1, 2, ...: each a [cases, organs] list, or None where it was not run."""
  dice = {seed: np.array(table, float) for seed, table in enumerate(tables, 1) if table is not None}
  missing = tuple(seed for seed, table in enumerate(tables, 1) if table is None)
  cases = {seed: tuple(f"case{row}" for row in range(len(table))) for seed, table in dice.items()}
  return Scores(Cell(name, "phantom", None, {}), ("liver", "spleen"), dice, cases, missing)


def constant_scores(name, *values):
  """Three cases a seed, all of one value."""
  return cell_scores(name, *([[value, value]] * 3 for value in values))


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory):
  """Six seeds of three volumes and two organs; soft was not run, panns with one seed."""
  folder = tmp_path_factory.mktemp("study")
  cache = Cache(folder / "results", "tiny")
  for run in plan_runs(PART, SEEDS):
    if run.seed > len(DICE.get(run.cell.name, ())):
      continue
    dice = DICE[run.cell.name][run.seed - 1]
    scores = [OrganScore("liver", dice + 0.02, 1, 1, 1, 0), OrganScore("spleen", dice - 0.02, 1, 1, 1, 0)]
    rows = [(f"case{case}", score) for case in range(3) for score in scores]
    score_table.write_csv(folder / "metrics.csv", rows)
    cache.keep(run, folder / "metrics.csv", 60)
  return cache


@pytest.fixture(scope="session")
def tiny_summary(tiny_cache):
  return summarize(PART, plan_runs(PART, SEEDS), tiny_cache)
