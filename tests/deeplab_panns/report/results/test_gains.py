"""Methods compared with a baseline: pairs, tests and corrections."""

import dataclasses

import numpy as np
import pytest

from deeplab_panns.evidence import paired_tests
from deeplab_panns.report.results import compared, gains, notes
from tests.deeplab_panns.report.conftest import FULL, PANNS, TWO_ORGANS, scored_run


def test_gains_are_those_of_the_statistics():
  found = compared.build([scored_run("panns", PANNS), scored_run("full", FULL)])
  assert found.baseline.name == "full" and [method.name for method in found.others] == ["panns"]
  by_organ = gains.organ_gains(found, found.others[0])
  expected = [paired_tests.compare(PANNS[:, column], FULL[:, column]) for column in range(2)]
  assert [by_organ[organ].comparison for organ in TWO_ORGANS] == expected
  corrected = paired_tests.holm([comparison.wilcoxon_p for comparison in expected])
  assert [by_organ[organ].wilcoxon_p for organ in TWO_ORGANS] == corrected
  gain = gains.mean_gains(found)["panns"]
  assert gain.comparison == paired_tests.compare(PANNS.mean(axis=1), FULL.mean(axis=1))
  assert gain.wilcoxon_p == gain.comparison.wilcoxon_p  # one method: nothing to correct


def test_the_means_of_several_methods_are_corrected_over_them():
  found = compared.build(
    [scored_run("full", FULL), scored_run("panns", PANNS), scored_run("semi", PANNS - 0.01)]
  )
  means = gains.mean_gains(found)
  raw = [gain.comparison.ttest_p for gain in means.values()]
  assert [gain.ttest_p for gain in means.values()] == pytest.approx(paired_tests.holm(raw))
  assert means["semi"].ttest_p > min(raw)


def test_seeds_are_averaged_before_cases_are_paired():
  found = compared.build(
    [scored_run("full", FULL), scored_run("panns", PANNS - 0.02), scored_run("panns", PANNS + 0.02, seed=1)]
  )
  gain = gains.mean_gains(found)["panns"].comparison
  assert gain.pairs == 7 and gain.difference == pytest.approx((PANNS - FULL).mean())
  comparison = gains.seed_gain(found, found.others[0])
  assert comparison.pairs == 1  # the seed that both have
  assert comparison.difference == pytest.approx((PANNS - FULL).mean() - 0.02)


def of_seed(mode, dice, seed):
  """A run whose cases no other seed has."""
  made = scored_run(mode, dice, seed)
  return dataclasses.replace(made, rows=tuple((f"seed{seed}-{case}", score) for case, score in made.rows))


def test_a_seed_with_patients_of_its_own_is_one_pair():
  """Seven patients a seed share the seed's chance: six pairs, not 42; with five seeds there is no test."""
  chance = np.array([0.05, -0.02, 0.03, 0.01, 0.04, -0.01])
  runs = [
    of_seed(mode, table, seed)
    for seed, more in enumerate(chance)
    for mode, table in (("full", FULL), ("panns", PANNS + more))
  ]
  found = compared.build(runs)
  expected = paired_tests.compare((PANNS - FULL).mean() + chance, np.zeros(6))
  gain = gains.mean_gains(found)["panns"].comparison
  assert (gain.pairs, gain.wilcoxon_p) == (6, expected.wilcoxon_p)
  assert gain.ttest_p == pytest.approx(expected.ttest_p)
  spleen = gains.organ_gains(found, found.others[0])["spleen"].comparison
  assert spleen.pairs == 6 and spleen.difference == pytest.approx((PANNS - FULL)[:, 1].mean() + chance.mean())
  few = compared.build(runs[:10])
  assert gains.mean_gains(few)["panns"].comparison.wilcoxon_p is None


def test_folds_trained_with_seeds_of_their_own_are_still_one_cross_validation():
  runs = [
    dataclasses.replace(one, settings={**one.settings, "fold": seed})
    for seed in range(3)
    for mode, table in (("full", FULL), ("panns", PANNS))
    for one in [of_seed(mode, table, seed)]
  ]
  found = compared.build(runs)
  assert found.pairs.kind == "cases" and gains.mean_gains(found)["panns"].comparison.pairs == 21


def test_two_scans_of_a_patient_count_once_by_their_mean():
  runs = [
    dataclasses.replace(run, summary={**run.summary, "first_of_patient": {"c1": "c0"}})
    for run in (scored_run("full", FULL), scored_run("panns", PANNS))
  ]
  gain = gains.mean_gains(compared.build(runs))["panns"].comparison
  of_cases = (PANNS - FULL).mean(axis=1)
  assert gain.pairs == 6 and gain.difference == pytest.approx(np.mean([of_cases[:2].mean(), *of_cases[2:]]))


def test_an_organ_absent_in_one_method_leaves_the_case_mean_of_both():
  panns = PANNS.copy()
  panns[0, 1] = np.nan
  found = compared.build([scored_run("full", FULL), scored_run("panns", panns)])
  gain = gains.mean_gains(found)["panns"].comparison
  liver, spleen = (PANNS - FULL).T
  assert gain.pairs == 7 and gain.difference == pytest.approx((liver.mean() + spleen[1:].mean()) / 2)
  spleen = gains.organ_gains(found, found.others[0])["spleen"].comparison
  assert (spleen.pairs, spleen.dropped) == (6, 1)


def test_cases_that_annotate_other_organs_do_not_weigh_an_organ_more():
  """+10 points on the spleen, which most cases have alone, and -20 on the liver of a few: -5 in the mean, as
  in the means that are shown; the mean over cases of their own organs would be +5.5."""
  full = np.full((10, 2), 0.5)
  full[3:, 0] = np.nan
  runs = [
    dataclasses.replace(run, rows=tuple(row for row in run.rows if not np.isnan(row[1].dice)))
    for run in (scored_run("full", full), scored_run("panns", full + [-0.2, 0.1]))
  ]
  found = compared.build(runs)
  gain = gains.mean_gains(found)["panns"].comparison
  shown = [np.nanmean(found.table(method), axis=0).mean() for method in found.methods]
  assert gain.pairs == 10 and gain.difference == pytest.approx(shown[1] - shown[0]) == pytest.approx(-0.05)
  (low, high) = gain.interval
  assert low < gain.difference < high
  assert "does not annotate an organ there is no pair" in notes.how_tested(found)
  assert "lacks there is a pair" not in notes.how_tested(found)


def test_an_organ_that_is_not_there_costs_who_draws_it():
  """Three of seven cases lack the second organ; one method leaves it out, the other draws it (Dice 0)."""
  lacking = np.where(np.arange(14).reshape(7, 2) % 2 * (np.arange(7) < 3)[:, None], np.nan, FULL)
  drawing = np.where(np.isnan(lacking), 0.0, FULL)
  for baseline, other, expected in ((lacking, drawing, -1.0), (drawing, lacking, 1.0)):
    found = compared.build([scored_run("full", baseline), scored_run("panns", other)])
    gain = gains.mean_gains(found)["panns"].comparison
    assert gain.pairs == 7 and gain.difference == pytest.approx(expected * 3 / 2 / 7)
    by_organ = gains.organ_gains(found, found.others[0])
    assert by_organ[TWO_ORGANS[1]].comparison.difference == pytest.approx(expected * 3 / 7)
    assert by_organ[TWO_ORGANS[0]].comparison.difference == 0
    assert "0 for that one, 1 for the other" in notes.how_tested(found)
  found = compared.build([scored_run("full", lacking), scored_run("panns", lacking)])
  comparison = gains.organ_gains(found, found.others[0])[TWO_ORGANS[1]].comparison
  assert (comparison.pairs, comparison.dropped) == (4, 3)
