"""The files of a check hold every digit, and every case once."""

import csv

import numpy as np
import pytest

from data.input_error import InputError
from deeplab_panns.prior_check import check, check_files
from tests.deeplab_panns.prior_check.patients import ORGANS, case, checked, patients


def lines(text):
  return list(csv.DictReader(text.splitlines()))


def found():
  rng = np.random.default_rng(9)
  partial = [*patients(rng, 8, ("liver",), depth=300), case("gone", ("liver",))]
  return check.check(*checked(patients(rng, 8), partial))


def test_numbers_agree_with_one_another():
  (row,) = lines(check_files.agreement_csv(found()))
  assert float(row["ratio"]) == float(row["share"]) / float(row["q"])
  assert float(row["ratio_low"]) < float(row["ratio"]) < float(row["ratio_high"])


def test_a_missing_interval_is_nan():
  full = patients(np.random.default_rng(0), 8)
  (row,) = lines(check_files.agreement_csv(check.check(*checked(full, [case("a", ("liver",), liver=9)]))))
  assert (row["ratio_low"], row["ratio_high"], row["verdict"]) == ("nan", "nan", "too few cases to tell")


def test_every_case_once_with_each_organ_that_it_annotates():
  rows = lines(check_files.case_csv(found()))
  assert {row["set"] for row in rows} == {check.LABELED, "liver"}
  assert len(rows) == len({(row["case"], row["organ"]) for row in rows}) == 8 * len(ORGANS) + 9
  partial = [row for row in rows if row["set"] == "liver"]
  for row in partial:
    volume_mm3 = float(row["share"]) * 300 * 100 * 100 if row["case"] != "gone" else 0
    assert float(row["volume_ml"]) == pytest.approx(volume_mm3 / 1000)


def test_cases_of_pooled_sets_stand_there_once():
  rng = np.random.default_rng(8)
  partial = [*patients(rng, 2, ("liver", "spleen")), *patients(rng, 2, ("liver", "pancreas"))]
  rows = lines(check_files.case_csv(check.check(*checked(patients(rng, 8), partial))))
  assert len(rows) == 8 * 3 + 4 * 2


def test_the_three_files(tmp_path):
  check_files.write(found(), tmp_path / "new")
  assert sorted(file.name for file in (tmp_path / "new").iterdir()) == [
    "prior_check.csv",
    "prior_check.png",
    "prior_check_cases.csv",
  ]
  assert (tmp_path / "new" / "prior_check.csv").read_text() == check_files.agreement_csv(found())


def test_its_own_files_may_be_replaced_also_those_of_an_earlier_version_and_no_others(tmp_path):
  check_files.write(found(), tmp_path)  # an earlier version left no record
  outputs = check_files.check_outputs(tmp_path, overwrite=False)
  outputs.wrote(check_files.FILES)
  (tmp_path / "prior_check.csv").write_text("set,organ\n")
  with pytest.raises(InputError, match=r"prior_check\.csv: exists"):
    check_files.check_outputs(tmp_path, overwrite=False)
  check_files.check_outputs(tmp_path, overwrite=True)
  (tmp_path / "mine").mkdir()
  (tmp_path / "mine" / "prior_check.csv").write_text("set,organ\n")
  with pytest.raises(InputError, match=r"prior_check\.csv: exists"):
    check_files.check_outputs(tmp_path / "mine", overwrite=False)
