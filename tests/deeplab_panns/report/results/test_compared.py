"""Methods on the same cases, compared with a baseline."""

import dataclasses
import pathlib

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.evidence import paired_tests
from deeplab_panns.report.results import compared as results
from deeplab_panns.report.results import result_tables as report_tables
from deeplab_panns.report.results.scored_runs import ScoredRun
from deeplab_panns.scores.metrics import OrganScore

ORGANS = ("liver", "spleen")
NAN = float("nan")


def run(mode, dice, seed=0, split="test"):
  """dice: [cases, organs]."""
  dice = np.asarray(dice, float)
  rows = tuple(
    (f"c{case}", OrganScore(organ, value, 1.5, 3, 2, 0))
    for case, row in enumerate(dice)
    for organ, value in zip(ORGANS, row)
  )
  folder = pathlib.Path(f"{mode}{seed}")
  excluded = int(np.isnan(dice).sum())
  summary = {
    "split": split,
    "grid": "store",
    "excluded": excluded,
    "missed": int((dice == 0).sum()),
    "mean_dice": float(np.nanmean(dice)),
    "label_organs": ORGANS,
  }
  return ScoredRun(folder, folder, {"supervision": mode, "seed": seed, "fold": 0}, {}, summary, rows)


FULL = np.array([[0.8, 0.6], [0.7, 0.5], [0.9, 0.4], [0.6, 0.7], [0.8, 0.5], [0.7, 0.6], [0.75, 0.65]])
PANNS = FULL + np.array(
  [[0.01, 0.05], [0.02, 0.06], [0.03, 0.02], [-0.01, 0.08], [0.02, 0.01], [0.04, 0.07], [0.05, 0.03]]
)


def test_gains_are_those_of_the_statistics():
  found = results.build([run("panns", PANNS), run("full", FULL)])
  assert found.baseline.name == "full" and [method.name for method in found.others] == ["panns"]
  by_organ = results.organ_gains(found, found.others[0])
  expected = [paired_tests.compare(PANNS[:, place], FULL[:, place]) for place in range(2)]
  assert [by_organ[organ].comparison for organ in ORGANS] == expected
  corrected = paired_tests.holm([comparison.wilcoxon_p for comparison in expected])
  assert [by_organ[organ].wilcoxon_p for organ in ORGANS] == corrected
  gain = results.mean_gains(found)["panns"]
  assert gain.comparison == paired_tests.compare(PANNS.mean(axis=1), FULL.mean(axis=1))
  assert gain.wilcoxon_p == gain.comparison.wilcoxon_p  # one method: nothing to correct


def test_the_means_of_several_methods_are_corrected_over_them():
  found = results.build([run("full", FULL), run("panns", PANNS), run("semi", PANNS - 0.01)])
  gains = results.mean_gains(found)
  raw = [gain.comparison.ttest_p for gain in gains.values()]
  assert [gain.ttest_p for gain in gains.values()] == pytest.approx(paired_tests.holm(raw)) and gains[
    "semi"
  ].ttest_p > min(raw)


def test_seeds_are_averaged_before_cases_are_paired():
  found = results.build([run("full", FULL), run("panns", PANNS - 0.02), run("panns", PANNS + 0.02, seed=1)])
  gain = results.mean_gains(found)["panns"].comparison
  assert gain.pairs == 7 and gain.difference == pytest.approx((PANNS - FULL).mean())
  seeds, comparison = results.seed_gain(found, found.others[0])
  assert seeds == [0] and comparison.pairs == 1  # the seed that both have
  assert comparison.difference == pytest.approx((PANNS - FULL).mean() - 0.02)


def of_seed(mode, dice, seed):
  """A run whose cases no other seed has."""
  made = run(mode, dice, seed)
  return dataclasses.replace(made, rows=tuple((f"seed{seed}-{case}", score) for case, score in made.rows))


def test_a_seed_with_patients_of_its_own_is_one_pair():
  """Seven patients a seed share the seed's chance: six pairs, not 42; with five seeds there is no test."""
  chance = np.array([0.05, -0.02, 0.03, 0.01, 0.04, -0.01])
  runs = [
    of_seed(mode, table, seed)
    for seed, more in enumerate(chance)
    for mode, table in (("full", FULL), ("panns", PANNS + more))
  ]
  found = results.build(runs)
  expected = paired_tests.compare((PANNS - FULL).mean() + chance, np.zeros(6))
  gain = results.mean_gains(found)["panns"].comparison
  assert (gain.pairs, gain.wilcoxon_p) == (6, expected.wilcoxon_p) and gain.ttest_p == pytest.approx(
    expected.ttest_p
  )
  spleen = results.organ_gains(found, found.others[0])["spleen"].comparison
  assert spleen.pairs == 6 and spleen.difference == pytest.approx((PANNS - FULL)[:, 1].mean() + chance.mean())
  assert "paired over seeds" in report_tables.test_note(
    found
  ) and "each with cases of its own" in report_tables.note(found)
  few = results.build(runs[:10])
  assert results.mean_gains(few)[
    "panns"
  ].comparison.wilcoxon_p is None and "Fewer than 6 seeds: no p-values" in report_tables.note(few)


def test_folds_trained_with_seeds_of_their_own_are_still_one_cross_validation():
  runs = [
    dataclasses.replace(one, settings={**one.settings, "fold": seed})
    for seed in range(3)
    for mode, table in (("full", FULL), ("panns", PANNS))
    for one in [of_seed(mode, table, seed)]
  ]
  found = results.build(runs)
  assert found.cases_of_seeds is None and results.mean_gains(found)["panns"].comparison.pairs == 21
  assert "paired over cases" in report_tables.test_note(found)


def test_an_organ_absent_in_one_method_leaves_the_case_mean_of_both():
  panns = PANNS.copy()
  panns[0, 1] = NAN
  found = results.build([run("full", FULL), run("panns", panns)])
  gain = results.mean_gains(found)["panns"].comparison
  assert gain.difference == pytest.approx(np.mean([0.01, *(PANNS - FULL)[1:].mean(axis=1)]))
  spleen = results.organ_gains(found, found.others[0])["spleen"].comparison
  assert (spleen.pairs, spleen.dropped) == (6, 1)
  assert report_tables.organ_table(found)[2][2].endswith("(n = 6)")
  assert "full 0, panns 1" in report_tables.note(found)


def test_the_mean_is_that_of_metrics_json():
  found = results.build([run("full", [[0.8, NAN], [0.6, 0.2]])])
  table = report_tables.organ_table(found)
  assert table[1:] == [
    ["liver", "70.0 ± 14.1"],
    ["spleen", "20.0 (n = 1)"],
    ["mean", "45.0 ± 28.3"],
  ]  # over organs: (.7 + .2) / 2


def test_two_cases_have_no_p():
  found = results.build([run("full", FULL[:2]), run("panns", PANNS[:2])])
  row = report_tables.method_table(found)[2]
  assert (row[0], row[1], *row[3:7]) == ("panns", "1", "+3.5", "2 pairs: too few", "–", "–")
  assert "no p-values" in report_tables.note(found)
  assert report_tables.gain_table(found)[1] == ["liver", "+1.5"]


def test_statistics_csv_keeps_every_digit():
  rows = report_tables.statistics_table(results.build([run("full", FULL), run("panns", PANNS)]))
  header, line = rows[0], next(row for row in rows if row[0] == "panns" and row[2] == "spleen")
  cells = dict(zip(header, line))
  assert float(cells["mean_dice"]) == PANNS[:, 1].mean() and float(cells["wilcoxon_p"]) == pytest.approx(
    2 / 2**7
  )
  assert len(rows) == 1 + 2 * 3 and all(len(row) == len(header) for row in rows)


def test_what_was_scored_otherwise_is_not_compared():
  with pytest.raises(InputError, match="evaluate all runs alike"):
    results.build([run("full", FULL), run("panns", PANNS, split="val")])
  with pytest.raises(InputError, match=r"5 cases, 'full' on 7.*c5, c6"):
    results.build([run("full", FULL), run("panns", PANNS[:5])])


def test_the_baseline_is_full_or_the_first_or_the_one_named():
  runs = [run("semi", FULL), run("full", FULL), run("panns", PANNS)]
  assert results.build(runs).baseline.name == "full"
  assert results.build(runs[::2]).baseline.name == "semi"
  assert results.build(runs, baseline="panns").baseline.name == "panns"
  with pytest.raises(InputError, match=r"--baseline=best.*semi"):
    results.build(runs, baseline="best")


def test_p_values_and_stars_as_the_paper_writes_them():
  assert [report_tables.p_value(p) for p in (0.00042, 0.0314, 0.5, 1.0, None)] == [
    "< .001",
    ".031",
    ".500",
    "1",
    "–",
  ]
  assert [report_tables.stars(p) for p in (0.0004, 0.004, 0.04, 0.4, None)] == ["***", "**", "*", "", ""]
