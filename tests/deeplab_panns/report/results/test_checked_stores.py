"""Which stores and partial sets the prior is checked on."""

import json
import shutil

import pytest

from deeplab_panns.report.results import checked_stores, compared
from deeplab_panns.report.results.scored_runs import read_scored


@pytest.mark.parametrize(
  "supervision, organs, name",
  [
    ("panns", ["liver"], "store, partial sets of liver"),
    ("panns", ["spleen"], None),
    ("full", ["spleen"], "store"),
  ],
)
def test_the_prior_is_checked_on_the_sets_that_were_used(run_dirs, tmp_path, supervision, organs, name):
  folder = tmp_path / "run"
  shutil.copytree(run_dirs[2], folder)
  settings = json.loads((folder / "experiment.json").read_text())
  (folder / "experiment.json").write_text(
    json.dumps({**settings, "supervision": supervision, "partial_organs": organs})
  )
  found = checked_stores.read(compared.build([read_scored(folder)]))
  assert [one.name for one in found] == (
    [name] if name else []
  )  # no case of the store annotates the spleen alone


def test_one_store_is_checked_once_however_many_runs_it_trained(run_dirs):
  (found,) = checked_stores.read(compared.build([read_scored(run_dir) for run_dir in run_dirs]))
  assert found.name == "store" and [one.organs for one in found.check.failing()] == [("liver",)]


def test_a_store_that_has_changed_since_is_left_out(run_dirs, tmp_path):
  shutil.copytree(run_dirs[2], tmp_path / "run")
  data = json.loads((tmp_path / "run" / "data.json").read_text())
  (tmp_path / "run" / "data.json").write_text(json.dumps({**data, "fingerprint": "of what was there"}))
  assert checked_stores.read(compared.build([read_scored(tmp_path / "run")])) == []


def test_a_store_that_is_gone_is_left_out(run_dirs, tmp_path):
  shutil.copytree(run_dirs[2], tmp_path / "run")
  (tmp_path / "run" / "data.json").write_text(json.dumps({"data_dir": str(tmp_path / "gone")}))
  assert checked_stores.read(compared.build([read_scored(tmp_path / "run")])) == []
