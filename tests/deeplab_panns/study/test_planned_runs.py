"""A run's hash: one for all that has the same numbers, another for whatever decides them."""

import dataclasses

import pytest

from deeplab_panns.runs.setting_names import BEFORE_THERE_WAS
from deeplab_panns.study import planned_runs as study_runs
from deeplab_panns.study.plan import Cell, Part
from deeplab_panns.study.planned_runs import Run, decisive, of_cells, parse_seeds, plan_runs

COHORTS = {
  "phantom": (("data.phantom", "--labeled_cases=1", "--test_cases=2"), ("data.prepare",)),
  "oracle": (("data.phantom", "--labeled_cases=1", "--test_cases=2", "--oracle"), ("data.prepare",)),
}
FLAGS = {"stage1_steps": "4", "stage2_steps": "4", "decoder": "true", "log_interval": "2"}
PANNS = Cell("panns", "phantom", None, {"supervision": "panns", "lambda2": "3"})


LATER = dict.fromkeys(BEFORE_THERE_WAS, "default")


def run_of(cell=PANNS, seed=1, **flags):
  return plan_runs(Part("part", {**FLAGS, **flags}, (cell,), (), {}, COHORTS), [seed])[0]


def test_runs_come_seed_by_seed():
  full = Cell("full", "phantom", None, {"supervision": "full"})
  runs = plan_runs(Part("part", FLAGS, (full, PANNS), (), {}, COHORTS), [3, 1])
  assert [(run.seed, run.cell.name) for run in runs] == [(3, "full"), (3, "panns"), (1, "full"), (1, "panns")]
  assert runs[1].flags == {**FLAGS, "supervision": "panns", "lambda2": "3", "fold": "0", "seed": "3"}


@pytest.mark.parametrize(
  "flags", [{"stage1_steps": "5"}, {"decoder": "false"}, {"momentum": "0.5"}, {"teacher_decay": "0.9"}]
)
def test_the_hash_changes_with_any_flag_that_decides(flags):
  assert run_of(**flags).key != run_of().key


def test_the_hash_changes_with_cell_seed_cohort_and_format(monkeypatch):
  keys = {
    run_of().key,
    run_of(seed=2).key,
    run_of(dataclasses.replace(PANNS, cohort="oracle")).key,
    run_of(dataclasses.replace(PANNS, flags={"supervision": "panns", "lambda2": "1"})).key,
  }
  monkeypatch.setattr(study_runs, "FORMAT", study_runs.FORMAT + 1)
  keys.add(run_of().key)
  assert len(keys) == 5


def test_the_hash_does_not_change_with_what_decides_nothing():
  again = [
    run_of(log_interval="7", checkpoint_interval="3"),
    run_of(dataclasses.replace(PANNS, name="best", reference="full")),
    run_of(dataclasses.replace(PANNS, flags={"lambda2": "3.0", "supervision": "panns"})),
  ]
  assert {run.key for run in again} == {run_of().key}
  turned = {"phantom": (("data.phantom", "--test_cases=2", "--labeled_cases=1"), ("data.prepare",))}
  part = Part("other", FLAGS, (PANNS,), (), {}, turned)
  assert plan_runs(part, [1])[0].key == run_of().key  # another part, flags in another order


def test_spellings_of_a_flag():
  assert decisive({"scales": "1,1.25"}) == decisive({"scales": "1.0,1.250"}) != decisive({"scales": "1"})
  assert decisive({"partial_organs": "spleen", "run_dir": "x"}) == {**LATER, "partial_organs": "spleen"}


def test_a_stage_1_of_other_patients_is_shared_with_theirs_and_makes_another_run():
  part = Part("part", FLAGS, (PANNS,), (), {}, COHORTS)
  moved = Cell("panns", "oracle", None, PANNS.flags, stage1_cohort="phantom")
  ours = plan_runs(dataclasses.replace(part, cells=(moved,)), [1])[0]
  alone = run_of(dataclasses.replace(PANNS, cohort="oracle"))
  assert ours.stage1_key == run_of().stage1_key != alone.stage1_key
  assert ours.key not in (alone.key, run_of().key) and ours.cohort == alone.cohort


def test_a_run_of_before_a_setting_keeps_its_name_and_that_of_its_default_is_another():
  before = dict(BEFORE_THERE_WAS)
  assert decisive({"lambda2": "3", **before}) == {"lambda2": "3.0"}
  assert decisive({"lambda2": "3"}) == {"lambda2": "3.0", **LATER}
  assert run_of(**before).key != run_of().key and run_of(**before).stage1_key == run_of().stage1_key


def test_a_seed_shares_one_stage_1():
  full = run_of(Cell("full", "phantom", None, {"supervision": "full"}))
  assert full.stage1_key == run_of().stage1_key
  alone = {**BEFORE_THERE_WAS, "fold": "0", "seed": "1", "supervision": "full", "stage2_steps": "0"}
  assert run_of().stage1_flags == {**FLAGS, **alone}
  others = [run_of(seed=2), run_of(stage1_steps="5"), run_of(dataclasses.replace(PANNS, cohort="oracle"))]
  assert full.stage1_key not in {other.stage1_key for other in others}


def test_the_name_says_what_it_is():
  run = run_of()
  assert isinstance(run, Run) and run.name == f"panns-seed1-{run.key}" and len(run.key) == 10


def test_seeds_are_different_whole_numbers():
  assert parse_seeds(["1001", "7", "8"]) == [1001, 7, 8]
  assert parse_seeds([]) == []
  for wrong in (["a"], ["1", "1"], ["-1"], ["1.5"]):
    with pytest.raises(ValueError, match=f"^seeds={','.join(wrong)}: must be different whole numbers"):
      parse_seeds(wrong)


def test_some_cells_alone():
  full = Cell("full", "phantom", None, {"supervision": "full"})
  runs = plan_runs(Part("part", FLAGS, (full, PANNS), (), {}, COHORTS), [3, 1])
  assert of_cells(runs, ["full"]) == [runs[0], runs[2]] and of_cells(runs, []) == runs
  with pytest.raises(ValueError, match=r"^cells=full,nobody: must name cells of the part: full, panns"):
    of_cells(runs, ["full", "nobody"])
