"""The tables of a part for programs, and which files there are."""

import csv
import math

import pytest
from scipy import stats

from deeplab_panns.study.part_tables import exact_table, organ_gain_table, organ_table, write_summary
from deeplab_panns.study.planned_runs import plan_runs
from deeplab_panns.study.summary import summarize
from tests.deeplab_panns.study.conftest import DICE, PART


def by_cell(table):
  header, *rows = table
  return {row[0]: dict(zip(header, row)) for row in rows}


def test_numbers_by_hand(tiny_summary):
  table = by_cell(exact_table(tiny_summary))
  assert list(table) == ["full", "partial", "panns", "oracle", "soft"]
  assert float(table["full"]["dice"]) == pytest.approx(0.6)
  assert float(table["full"]["sd_over_seeds"]) == pytest.approx(math.sqrt(4 * 0.1**2 / 5))
  assert (table["full"]["seeds"], table["full"]["volumes"], table["full"]["excluded"]) == ("6", "18", "0")
  assert table["full"]["full_difference"] == ""
  assert float(table["partial"]["full_difference"]) == pytest.approx(-0.05)
  assert (table["partial"]["full_seeds"], table["partial"]["full_seeds_ahead"]) == ("6", "0")
  assert float(table["panns"]["full_dice_there"]) == pytest.approx(0.5)
  assert table["panns"]["reference"] == "partial"
  assert float(table["partial"]["gap_of_least_seed"]) == pytest.approx(-0.06 / 0.3)
  assert table["soft"]["dice"] == "" and table["soft"]["missing_seeds"] == "1 2 3 4 5 6"
  assert table["soft"]["flags"] == "--supervision=soft"


def test_p_values_and_intervals_have_columns_of_their_own(tiny_summary):
  table = by_cell(exact_table(tiny_summary))
  partial, oracle = (stats.ttest_rel(DICE[name], DICE["full"]) for name in ("partial", "oracle"))
  assert float(table["oracle"]["full_ttest_p"]) == pytest.approx(oracle.pvalue)
  assert float(table["oracle"]["full_ttest_p_holm"]) == pytest.approx(2 * partial.pvalue)
  assert float(table["partial"]["full_wilcoxon_p"]) == pytest.approx(2 / 64)  # behind in all six
  assert float(table["partial"]["full_interval_low"]) == pytest.approx(partial.confidence_interval().low)
  assert table["panns"]["full_ttest_p"] == "" and table["panns"]["full_interval_low"] == ""  # one seed


def test_organs(tiny_summary):
  found = by_cell(organ_table(tiny_summary))
  assert found["oracle"] == {"cell": "oracle", "seeds": "6", "liver": "0.9300", "spleen": "0.8900"}
  assert found["panns"] == {"cell": "panns", "seeds": "1", "liver": "0.6200", "spleen": "0.5800"}
  assert "soft" not in found


def test_organs_are_compared_with_the_reference(tiny_summary):
  header, *rows = organ_gain_table(tiny_summary)
  assert [row[:3] for row in rows] == [["panns", "partial", "liver"], ["panns", "partial", "spleen"]]
  liver = dict(zip(header, rows[0]))
  assert float(liver["difference"]) == pytest.approx(0.15)
  assert (liver["seeds"], liver["ttest_p"]) == ("1", "")


def test_the_files_hold_the_tables(tiny_summary, tmp_path):
  write_summary(tiny_summary, tmp_path)
  with open(tmp_path / "table.csv", newline="") as file:
    assert list(csv.reader(file)) == exact_table(tiny_summary)
  names = {"table.md", "table.csv", "organs.csv", "organ_gains.csv"}
  assert {path.name for path in tmp_path.iterdir()} == {*names, "gains.png"}


def test_without_a_gain_there_is_no_picture(tiny_cache, tmp_path):
  summary = summarize(PART, plan_runs(PART, [9]), tiny_cache)
  write_summary(summary, tmp_path)
  names = {"table.md", "table.csv", "organs.csv", "organ_gains.csv"}
  assert {path.name for path in tmp_path.iterdir()} == names
  assert organ_table(summary) == [["cell", "seeds"]]
