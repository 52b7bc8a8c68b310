"""Tables of methods and organs, on numbers that can be checked by hand."""

import math

import numpy as np
import pytest

from deeplab_panns.evidence.paired_tests import compare
from deeplab_panns.report.results import compared, result_tables
from tests.deeplab_panns.report.conftest import FULL, PANNS, scored_run

NAN = float("nan")


def test_the_mean_is_that_of_metrics_json():
  found = compared.build([scored_run("full", [[0.8, NAN], [0.6, 0.2]])])
  table = result_tables.organ_table(found)
  assert table[1:] == [
    ["liver", "70.0 ± 14.1"],
    ["spleen", "20.0 (n = 1)"],
    ["mean", "45.0 ± 28.3"],
  ]  # over organs: (.7 + .2) / 2


def test_two_cases_have_no_p():
  found = compared.build([scored_run("full", FULL[:2]), scored_run("panns", PANNS[:2])])
  row = result_tables.method_table(found)[2]
  assert (row[0], row[1], *row[3:7]) == ("panns", "1", "+3.5", "2 pairs: too few", "–", "–")
  assert result_tables.gain_table(found)[1] == ["liver", "+1.5"]


def test_a_method_is_told_with_interval_p_values_and_distances():
  found = compared.build([scored_run("full", FULL), scored_run("panns", PANNS)])
  header, full, panns = result_tables.method_table(found)
  row = dict(zip(header, panns))
  assert (row["gain"], row["missed"], row["excluded"]) == ("+3.4", "0", "0")
  assert row["p Wilcoxon"] == ".016"  # all of seven pairs are ahead: 2 / 2^7
  assert (row["MSD mm"], row["HD mm"], row["HD95 mm"]) == ("1.5", "3.0", "2.0")
  assert full[3:7] == ["baseline", "", "", ""]


def test_excluded_cases_are_counted_beside_an_organ():
  panns = PANNS.copy()
  panns[0, 1] = NAN
  found = compared.build([scored_run("full", FULL), scored_run("panns", panns)])
  assert result_tables.organ_table(found)[2][2].endswith("(n = 6)")
  assert result_tables.organ_table(found, spread=False)[2][2] == f"{100 * PANNS[1:, 1].mean():.1f}"


def test_gains_of_organs_have_stars():
  found = compared.build([scored_run("full", FULL), scored_run("panns", PANNS)])
  table = result_tables.gain_table(found)
  assert table[0] == ["organ", "panns − full"]
  assert table[2][1].startswith("+4.6 (") and table[2][1].endswith("), p .031*")  # 2 / 2^7, of two organs


def test_a_cell_without_a_value_is_a_dash():
  assert result_tables.dice_cell([NAN, NAN]) == result_tables.dice_cell([], spread=False) == "–"
  assert result_tables.dice_cell([0.5, NAN]) == "50.0 (n = 1)"
  assert math.isnan(result_tables.over_organs(np.full((2, 2), NAN)))


def test_an_interval_or_how_many_pairs_there_are():
  assert result_tables.interval(compare([0.5], [0.4])) == "1 pair: too few"
  low, high = compare(PANNS[:, 1], FULL[:, 1]).interval
  assert result_tables.interval(compare(PANNS[:, 1], FULL[:, 1])) == f"+{100 * low:.1f} to +{100 * high:.1f}"


def test_the_mean_over_organs_weighs_them_alike():
  assert result_tables.over_organs(np.array([[0.8, NAN], [0.6, 0.2]])) == pytest.approx(0.45)
