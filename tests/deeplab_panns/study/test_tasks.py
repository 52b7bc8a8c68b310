"""The tasks of a study, and that a second call finds what a first one made; a fake in place of training."""

import shutil
import sys

import pytest

from deeplab_panns.study import jobs as study_jobs
from deeplab_panns.study import tasks as study_tasks
from deeplab_panns.study.cache import Cache
from deeplab_panns.study.jobs import run_tasks
from deeplab_panns.study.plan import Cell, Part
from deeplab_panns.study.planned_runs import plan_runs

COHORTS = {
  "phantom": (("data.phantom", "--test_cases=2"), ("data.prepare",)),
  "oracle": (("data.phantom", "--oracle"), ("data.prepare",)),
}
CELLS = (
  Cell("full", "phantom", None, {"supervision": "full"}),
  Cell("panns", "phantom", "full", {"supervision": "panns"}),
  Cell("best", "phantom", "full", {"supervision": "panns"}),
  Cell("oracle", "oracle", None, {"supervision": "full"}),
)
# Notes its call, and leaves what the command of that name would.
FAKE = """
import pathlib, sys
module, flags = sys.argv[1], dict(word[2:].split("=", 1) for word in sys.argv[2:] if "=" in word)
folder = pathlib.Path(flags.get("output_dir") or flags["run_dir"])
with open({calls!r}, "a") as calls:
  calls.write(" ".join([module, flags.get("supervision", "-"), flags.get("seed", "-")]) + "\\n")
if {broken!r} in sys.argv[1:]: sys.exit("no memory left")
folder.mkdir(parents=True, exist_ok=True)
if module == "data.prepare": (folder / "index.json").touch()
if module.endswith("evaluate"):
  names = "dice,mean_surface_distance_mm,hausdorff_mm,hausdorff95_mm,volume_error_ml"
  (folder / "metrics.csv").write_text("case,organ," + names + "\\na,liver,0.5,1,1,1,0\\n")
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
  """Runs cells and seeds with the fake; returns (failures, the calls it made, cache)."""

  def run(seeds, broken=""):
    calls = tmp_path / "calls"
    calls.write_text("")
    code = FAKE.format(calls=str(calls), broken=broken)
    monkeypatch.setattr(study_tasks, "_python", lambda *words: (sys.executable, "-c", code, *words))
    monkeypatch.setattr(study_jobs, "POLL_SECONDS", 0.02)
    cache = Cache(tmp_path / "results", "part")
    runs = plan_runs(Part("part", {"stage1_steps": "4"}, CELLS, (), {}, COHORTS), seeds)
    tasks = study_tasks.Tasks(cache, tmp_path / "work").for_runs(runs)
    failures = run_tasks(tasks, 2, tmp_path / "logs", report=lambda _: None)
    return failures, sorted(calls.read_text().splitlines()), cache

  return run


def test_each_patient_stage_1_and_run_is_made_once(study, tmp_path):
  failures, calls, cache = study([1])
  assert not failures
  # Two cohorts; of the trainings two are stage 1, two full and oracle, one panns, which `best` is, too.
  expected = ["data.phantom - 1", "data.prepare - -"] * 2 + ["deeplab_panns.train full 1"] * 4
  expected += ["deeplab_panns.train panns 1"] + ["deeplab_panns.evaluate - -"] * 3
  assert calls == sorted(expected)
  assert len(list(cache.folder.glob("*-seed1-*.csv"))) == 3
  # What is not needed any more is gone, what other parts can share is not.
  work = tmp_path / "work"
  assert not list((work / "raw").iterdir()) and not list((work / "runs").iterdir())
  assert len(list((work / "stores").iterdir())) == 2 and len(list((work / "stage1").iterdir())) == 2


@pytest.mark.slow
def test_a_second_call_makes_nothing_and_more_seeds_only_theirs(study):
  study([1])
  assert study([1])[1] == []
  calls = study([1, 2])[1]
  assert calls and all(call.endswith((" 2", " -")) for call in calls)


def test_a_removed_result_is_made_again_from_what_is_kept(study):
  cache = study([1])[2]
  next(cache.folder.glob("panns-*.csv")).unlink()
  assert study([1])[1] == ["deeplab_panns.evaluate - -", "deeplab_panns.train panns 1"]


def test_results_alone_are_enough(study, tmp_path):
  study([1])
  shutil.rmtree(tmp_path / "work")
  assert study([1])[1] == []


def test_what_fails_is_named_and_the_others_go_on(study):
  failures, _, cache = study([1], broken="--supervision=panns")
  assert len(failures) == 1 and "no memory left (exit code 1" in next(iter(failures.values()))
  assert len(list(cache.folder.glob("*-seed1-*.csv"))) == 2
  failures, calls, _ = study([1])
  assert not failures and len(calls) == 2


def test_what_needs_a_failed_task_is_not_tried(study):
  failures, calls, _ = study([1], broken="--oracle")
  assert len(failures) == 3 and sum("which failed" in why for why in failures.values()) == 2
  assert calls.count("deeplab_panns.train full 1") == 2  # stage 1 and full of the other cohort
