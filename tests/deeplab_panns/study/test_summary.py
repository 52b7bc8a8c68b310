"""The tables of a part from cached files: the numbers, what is missing, and a picture."""

import csv
import io
import math
import re

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.gain_figure import colour
from deeplab_panns.study.part_tables import write_summary
from deeplab_panns.study.plan import Cell, Expectation, Part, read_part
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.seed_scores import Gain
from deeplab_panns.study.summary import Compared, summarize
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


@pytest.fixture(scope="module")
def results(tmp_path_factory):
  """Six seeds of three volumes and two organs; soft was not run, panns with one."""
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
  write_summary(summarize(PART, plan_runs(PART, SEEDS), cache), cache.folder)
  return cache.folder


def rows(results, name="table.csv"):
  return {row["cell"]: row for row in csv.DictReader(io.StringIO((results / name).read_text()))}


def test_numbers_by_hand(results):
  table = rows(results)
  assert list(table) == ["full", "partial", "panns", "oracle", "soft"]
  assert float(table["full"]["dice"]) == pytest.approx(0.6)
  assert float(table["full"]["sd_over_seeds"]) == pytest.approx(math.sqrt(4 * 0.1**2 / 5))
  assert (table["full"]["seeds"], table["full"]["volumes"], table["full"]["excluded"]) == ("6", "18", "0")
  assert table["full"]["full_difference"] == ""
  assert float(table["partial"]["full_difference"]) == pytest.approx(-0.05)
  assert (table["partial"]["full_seeds"], table["partial"]["full_seeds_ahead"]) == ("6", "0")
  assert float(table["panns"]["full_difference"]) == pytest.approx(0.1)  # against the seed that both have
  assert float(table["panns"]["full_dice_there"]) == pytest.approx(0.5)
  assert float(table["panns"]["reference_difference"]) == pytest.approx(0.15)
  assert table["panns"]["reference"] == "partial"
  assert float(table["panns"]["gap_closed"]) == pytest.approx(0.1 / 0.38)
  assert float(table["partial"]["gap_closed"]) == pytest.approx(-0.15 / 0.93)
  assert float(table["partial"]["gap_of_least_seed"]) == pytest.approx(-0.06 / 0.3)
  assert float(table["oracle"]["gap_closed"]) == pytest.approx(1)


def test_p_values_are_corrected_over_the_cells(results):
  table = rows(results)
  partial, oracle = (stats.ttest_rel(DICE[name], DICE["full"]) for name in ("partial", "oracle"))
  assert partial.pvalue < oracle.pvalue < 2 * partial.pvalue
  assert float(table["oracle"]["full_ttest_p"]) == pytest.approx(oracle.pvalue)
  assert float(table["oracle"]["full_ttest_p_holm"]) == pytest.approx(2 * partial.pvalue)
  assert float(table["partial"]["full_wilcoxon_p"]) == pytest.approx(2 / 64)  # behind in all six
  assert float(table["partial"]["full_interval_low"]) == pytest.approx(partial.confidence_interval().low)
  assert table["panns"]["full_ttest_p"] == "" and table["panns"]["full_interval_low"] == ""  # one seed


def test_nothing_is_dropped_silently(results):
  table, page = rows(results), (results / "table.md").read_text()
  assert table["soft"]["dice"] == "" and table["soft"]["missing_seeds"] == "1 2 3 4 5 6"
  assert table["panns"]["missing_seeds"] == "2 3 4 5 6"
  assert "- panns: seeds 2, 3, 4, 5, 6\n- soft: seeds 1, 2, 3, 4, 5, 6\n" in page
  assert re.search(r"^\| soft +\| +not run \|", page, re.MULTILINE)


def test_the_page_judges_the_hypotheses(results):
  page = (results / "table.md").read_text()
  assert (
    "full < partial, p < 0.05: **the opposite holds**; partial − full = −5.0 (−5.9 to −4.1), p < .001, "
    "signed-rank p .031, ahead in 0 of 6 seeds." in page
  )
  assert (
    "partial < panns, p < 0.05: **too few seeds for a test**; panns − partial = +15.0 (too few seeds), p –, "
    "signed-rank p –, ahead in 1 of 1 seeds." in page
  )
  assert (
    "panns < soft, p < 0.05: **not run**." in page and "0 of the 2 that were run hold. 1 not run." in page
  )
  assert "| −16 % (−20 to −13) |" in page and "seeds 1, 2, 3, 4, 5, 6" in page


def test_organs_have_a_table_of_their_own(results):
  found = rows(results, "organs.csv")
  assert found["oracle"] == {"cell": "oracle", "seeds": "6", "liver": "0.9300", "spleen": "0.8900"}
  assert found["panns"] == {"cell": "panns", "seeds": "1", "liver": "0.6200", "spleen": "0.5800"}


def test_organs_are_compared_with_the_reference(results):
  found = list(csv.DictReader(io.StringIO((results / "organ_gains.csv").read_text())))
  assert [(row["cell"], row["reference"], row["organ"], row["seeds"]) for row in found] == [
    ("panns", "partial", "liver", "1"),
    ("panns", "partial", "spleen", "1"),
  ]
  assert float(found[0]["difference"]) == pytest.approx(0.15) and found[0]["ttest_p"] == ""


def test_a_colour_needs_a_test():
  def of(difference, p):
    return colour(Compared(Gain({1: difference}), p))

  assert of(0.1, 0.01) != of(-0.1, 0.01)
  assert of(0.1, None) == of(-0.1, None) == of(0.1, 0.2) not in (of(0.1, 0.01), of(-0.1, 0.01))


def test_the_picture_shows_something(results):
  with Image.open(results / "gains.png") as picture:
    pixels = np.asarray(picture.convert("RGB"))
  assert pixels.shape[1] > 600 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_a_part_of_which_nothing_was_run(tmp_path):
  cache = Cache(tmp_path, "tiny")
  write_summary(summarize(PART, plan_runs(PART, [1]), cache), cache.folder)
  assert {path.name for path in cache.folder.iterdir()} == {
    "table.md",
    "table.csv",
    "organs.csv",
    "organ_gains.csv",
  }
  assert "- full: seeds 1" in (cache.folder / "table.md").read_text()


@pytest.mark.parametrize("name", PARTS)
def test_the_committed_tables_are_what_the_committed_scores_say(name, tmp_path):
  part, cache = read_part(STUDY, name), Cache(STUDY / "results", name)
  write_summary(summarize(part, plan_runs(part), cache), tmp_path)
  for made in sorted(tmp_path.glob("*.[cm]*")):
    assert made.read_text() == (cache.folder / made.name).read_text(), (
      f"{made.name}: make it anew by --summarize"
    )


def test_no_committed_score_is_of_a_run_that_no_part_has():
  planned = {run.key for name in PARTS for run in plan_runs(read_part(STUDY, name))}
  kept = {path.stem.rpartition("-")[2]: path for path in (STUDY / "results").glob("*/*-seed*.csv")}
  assert kept and [str(path) for key, path in kept.items() if key not in planned] == []
