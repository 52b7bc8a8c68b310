"""The cache: found by hash in any part, rounded, and whole."""

import csv

import pytest

from data.input_error import InputError
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.plan import Cell
from deeplab_panns.study.planned_runs import Run, SeedCohort


def make_run(name="panns", seed=1, **flags):
  cohort = SeedCohort("phantom", seed, (("data.phantom",), ("data.prepare",)))
  return Run(Cell(name, "phantom", None, flags), cohort, {"supervision": "panns", **flags})


def scores(folder, dice=0.123456):
  path = folder / "metrics.csv"
  score_table.write_csv(path, [("a", OrganScore("liver", dice, 12.3456, float("nan"), 3.0, -1234.56))])
  return path


def test_a_run_is_kept_with_four_digits(tmp_path):
  cache, run = Cache(tmp_path / "results", "slices"), make_run()
  assert cache.find(run) is None and cache.read(run) is None
  cache.keep(run, scores(tmp_path), 61.7)
  path = tmp_path / "results" / "slices" / f"panns-seed1-{run.key}.csv"
  assert cache.find(run) == path
  assert path.read_text().splitlines()[1] == "a,liver,0.1235,12.35,nan,3.0,-1235.0"
  assert cache.read(run)[0][1].dice == 0.1235


def test_another_part_finds_it_and_another_setting_does_not(tmp_path):
  Cache(tmp_path / "results", "slices").keep(make_run(), scores(tmp_path), 1)
  other = Cache(tmp_path / "results", "beyond")
  assert other.find(make_run("best")).parent.name == "slices"  # another name, the same flags
  assert other.find(make_run(lambda2="1")) is None and other.find(make_run(seed=2)) is None


def test_every_run_is_noted_once_with_its_flags(tmp_path):
  cache = Cache(tmp_path / "results", "slices")
  for seconds in (5, 7):
    cache.keep(make_run(scales="1,2"), scores(tmp_path), seconds)
  cache.keep(make_run(seed=2), scores(tmp_path), 9)
  with open(tmp_path / "results" / "slices" / "runs.csv", newline="") as file:
    lines = list(csv.reader(file))
  assert lines == [
    ["run", "seconds", "flags"],
    [make_run(scales="1,2").name, "7", "phantom: --scales=1,2 --supervision=panns"],
    [make_run(seed=2).name, "9", "phantom: --supervision=panns"],
  ]


def test_a_damaged_file_is_named(tmp_path):
  cache, run = Cache(tmp_path / "results", "slices"), make_run()
  cache.keep(run, scores(tmp_path), 1)
  cache.find(run).write_text("nothing")
  with pytest.raises(InputError, match=run.key):
    cache.read(run)
