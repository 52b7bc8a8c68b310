"""Runs become methods that can be compared, or it is said why not."""

import dataclasses

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.report.results import compared
from tests.deeplab_panns.report.conftest import FULL, PANNS, after_unscored, scored_run
from tests.deeplab_panns.report.results.test_gains import of_seed


def test_what_was_scored_otherwise_is_not_compared():
  with pytest.raises(InputError, match="evaluate all runs alike"):
    compared.build([scored_run("full", FULL), scored_run("panns", PANNS, split="val")])
  with pytest.raises(InputError, match=r"5 cases, 'full' on 7.*c5, c6"):
    compared.build([scored_run("full", FULL), scored_run("panns", PANNS[:5])])


def test_the_baseline_is_full_or_the_first_or_the_one_named():
  runs = [scored_run("semi", FULL), scored_run("full", FULL), scored_run("panns", PANNS)]
  assert compared.build(runs).baseline.name == "full"
  assert compared.build(runs[::2]).baseline.name == "semi"
  assert compared.build(runs, baseline="panns").baseline.name == "panns"
  with pytest.raises(InputError, match=r"--baseline=best.*semi"):
    compared.build(runs, baseline="best")


def test_a_table_is_the_mean_over_seeds():
  found = compared.build([scored_run("full", FULL - 0.1), scored_run("full", FULL + 0.3, seed=1)])
  np.testing.assert_allclose(found.table(found.baseline), FULL + 0.1)
  np.testing.assert_allclose(found.table(found.baseline, "hausdorff_mm"), np.full(FULL.shape, 3))


def test_organs_that_no_case_annotates_keep_their_label_value():
  found = compared.build([after_unscored("aorta", scored_run("full", FULL))])
  assert found.organs == ("liver", "spleen") and found.label_organs == ("aorta", "liver", "spleen")


def test_seeds_with_cases_of_their_own_are_told_from_shared_cases_and_from_folds():
  shared = compared.build([scored_run("full", FULL), scored_run("full", FULL, 1)])
  assert shared.pairs == compared.Pairs("cases", [[row] for row in range(7)])
  apart = [of_seed("full", FULL, seed) for seed in (0, 1)]
  assert compared.build(apart).pairs == compared.Pairs("seeds", [list(range(7)), list(range(7, 14))])
  folds = [dataclasses.replace(run, settings={**run.settings, "fold": run.seed}) for run in apart]
  assert compared.build(folds).pairs.kind == "cases"


def test_the_scans_of_a_patient_are_one_pair():
  runs = [of_patients(scored_run(*of), c5="c0") for of in (("full", FULL), ("panns", PANNS))]
  assert compared.build(runs).pairs == compared.Pairs("patients", [[0, 5], [1], [2], [3], [4], [6]])


def of_patients(run, **first):
  """The run with further cases of patients, {case: the patient's first one}."""
  return dataclasses.replace(run, summary={**run.summary, "first_of_patient": first})


def test_the_cases_of_a_seed():
  found = compared.build([of_seed("full", FULL[:2], seed) for seed in (0, 1)])
  assert compared.cases_of_seed(found.baseline, 1) == {"seed1-c0", "seed1-c1"}
