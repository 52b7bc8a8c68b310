"""The tables of a part from cached files: the numbers, what is missing, and a picture."""
import csv
import io
import re

import numpy as np
import pytest
from PIL import Image

from deeplab_panns import score_table
from deeplab_panns.metrics import OrganScore
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.plan import Cell, Expectation, Part
from deeplab_panns.study.runs import plan_runs
from deeplab_panns.study.summary import summarize
from deeplab_panns.study.tables import write_summary

COHORTS = {"phantom": (("data.phantom",), ("data.prepare",))}
DICE = {"full": 0.5, "partial": 0.45, "panns": 0.6, "oracle": 0.9}
CELLS = tuple(Cell(name, "phantom", "partial" if name == "panns" else None, {"supervision": name})
              for name in (*DICE, "soft"))
EXPECTATIONS = Expectation(("full", "partial", "panns")), Expectation(("panns", "soft"))
PART = Part("tiny", {}, CELLS, EXPECTATIONS, COHORTS)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
  """Two seeds of three volumes and two organs, the second 0.1 better; soft was not run, panns with one."""
  folder = tmp_path_factory.mktemp("study")
  cache = Cache(folder / "results", "tiny")
  for run in plan_runs(PART, [1, 2]):
    if run.cell.name == "soft" or (run.cell.name, run.seed) == ("panns", 2):
      continue
    dice = DICE[run.cell.name] + 0.1 * (run.seed - 1)
    scores = [OrganScore("liver", dice + 0.02, 1, 1, 1, 0), OrganScore("spleen", dice - 0.02, 1, 1, 1, 0)]
    rows = [(f"case{case}", score) for case in range(3) for score in scores]
    score_table.write_csv(folder / "metrics.csv", rows)
    cache.keep(run, folder / "metrics.csv", 60)
  write_summary(summarize(PART, plan_runs(PART, [1, 2]), cache), cache.folder)
  return cache.folder


def rows(results, name="table.csv"):
  return {row["cell"]: row for row in csv.DictReader(io.StringIO((results / name).read_text()))}


def test_numbers_by_hand(results):
  table = rows(results)
  assert list(table) == ["full", "partial", "panns", "oracle", "soft"]
  assert float(table["full"]["dice"]) == pytest.approx(0.55)
  assert float(table["full"]["sd_over_seeds"]) == pytest.approx(0.1 / 2 ** 0.5)
  assert (table["full"]["seeds"], table["full"]["volumes"], table["full"]["excluded"]) == ("2", "6", "0")
  assert table["full"]["full_difference"] == ""
  assert float(table["partial"]["full_difference"]) == pytest.approx(-0.05)
  assert table["partial"]["full_seeds_ahead"] == "0"
  assert float(table["panns"]["full_difference"]) == pytest.approx(0.1)  # against the seed that both have
  assert float(table["panns"]["reference_difference"]) == pytest.approx(0.15)
  assert table["panns"]["reference"] == "partial"
  assert float(table["panns"]["gap_closed"]) == pytest.approx(0.1 / 0.4)
  assert float(table["partial"]["gap_closed"]) == pytest.approx(-0.125)
  assert float(table["oracle"]["gap_closed"]) == pytest.approx(1)


def test_p_values_are_corrected_over_the_cells(results):
  table = rows(results)
  # Six equal pairs: 2 / 2^6. The oracle and partial were tested; panns has three pairs, too few.
  assert float(table["oracle"]["full_wilcoxon_p"]) == pytest.approx(1 / 32)
  assert float(table["oracle"]["full_wilcoxon_p_holm"]) == pytest.approx(1 / 16)
  assert table["panns"]["full_wilcoxon_p"] == "" and table["panns"]["full_interval_low"] == ""


def test_nothing_is_dropped_silently(results):
  table, page = rows(results), (results / "table.md").read_text()
  assert table["soft"]["dice"] == "" and table["soft"]["missing_seeds"] == "1 2"
  assert table["panns"]["missing_seeds"] == "2"
  assert "- panns: seeds 2\n- soft: seeds 1, 2\n" in page
  assert re.search(r"^\| soft +\| +not run \|", page, re.MULTILINE)


def test_the_page_judges_the_hypotheses(results):
  page = (results / "table.md").read_text()
  assert "full < partial, p < 0.05: **the opposite holds**" in page
  assert "partial < panns, p < 0.05: **not shown**; panns − partial = +15.0 (3 pairs: too few)" in page
  assert "panns < soft, p < 0.05: **not run**." in page and "0 of 3 hold." in page
  assert "−12 %" in page and "over seeds: 0 of 2, −5.0 to −5.0." in page and "seeds 1, 2" in page


def test_organs_have_a_table_of_their_own(results):
  assert rows(results, "organs.csv")["oracle"] == {"cell": "oracle", "liver": "0.9700", "spleen": "0.9300"}


def test_the_picture_shows_something(results):
  with Image.open(results / "gains.png") as picture:
    pixels = np.asarray(picture.convert("RGB"))
  assert pixels.shape[1] > 600 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_a_part_of_which_nothing_was_run(tmp_path):
  cache = Cache(tmp_path, "tiny")
  write_summary(summarize(PART, plan_runs(PART, [1]), cache), cache.folder)
  assert {path.name for path in cache.folder.iterdir()} == {"table.md", "table.csv", "organs.csv"}
  assert "- full: seeds 1" in (cache.folder / "table.md").read_text()
