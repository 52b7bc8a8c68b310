"""The cache: found by hash in any part, rounded, and whole."""

import csv
import math

import pytest

from data.input_error import InputError
from deeplab_panns.scores import score_table
from deeplab_panns.scores.metrics import OrganScore
from deeplab_panns.scores.organ_volumes import OrganVolume, write_csv
from deeplab_panns.study.cache import LEAST_SIZE, Cache, log_size_ratio
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


def test_sizes_by_hand():
  volumes = [
    OrganVolume("a", "liver", 1000, 500),
    OrganVolume("b", "liver", 1000, 1500),  # together as large as they are
    OrganVolume("a", "spleen", 100, 50),
    OrganVolume("a", "pancreas", 50, 0),
    OrganVolume("a", "gallbladder", 0, 9),  # nobody has one
  ]
  assert log_size_ratio(volumes) == pytest.approx((0 + math.log(0.5) + math.log(LEAST_SIZE)) / 3)


def test_stage_1_by_itself_keeps_its_sizes(tmp_path):
  cache, stage1 = Cache(tmp_path / "results", "dose"), make_run("stage1", stage2_steps="0")
  write_csv(tmp_path / "volumes.csv", [OrganVolume("a", "liver", 100, 50)])
  for seconds in (3, 4):
    cache.keep(stage1, scores(tmp_path), seconds)
  cache.keep(make_run(), scores(tmp_path), 1)
  assert cache.read_log_size(stage1) == pytest.approx(math.log(0.5), abs=1e-4)
  assert cache.read_log_size(make_run()) is None and cache.read_log_size(make_run(seed=7)) is None
  path = tmp_path / "results" / "dose" / "sizes.csv"
  assert len(path.read_text().splitlines()) == 2
  path.write_text(path.read_text().replace("-0.69", "half"))
  with pytest.raises(InputError, match=r"sizes.csv: is damaged"):
    cache.read_log_size(stage1)
