"""The study as a user runs it: a tiny part from patients to table, and again from its cache."""

import pytest

from deeplab_panns.scores.score_table import read_csv
from tests.conftest import TINY_FLAGS, run_command

COHORTS = """
cohort tiny
  data.phantom --labeled_cases=1 --partial_cases=3 --test_cases=2 --size=48
  --annotated_in_turn=spleen,pancreas,liver
  data.prepare
"""
TABLE = """
base   tiny.flags
seeds  1
quick  full
expect full < panns-A
cell   full     tiny  -     --supervision=full
cell   panns-A  tiny  full  --supervision=panns --lambda2=3 --partial_organs=spleen
"""


@pytest.mark.slow
def test_a_part_from_patients_to_table_and_again(tmp_path):
  plan = tmp_path / "plan"
  plan.mkdir()
  (plan / "cohorts.table").write_text(COHORTS)
  (plan / "tiny.table").write_text(TABLE)
  (plan / "tiny.flags").write_text("\n".join(flag for flag in TINY_FLAGS if not flag.startswith("--threads")))
  arguments = [
    "--part=tiny",
    f"--study_dir={plan}",
    f"--output_dir={tmp_path / 'results'}",
    f"--work_dir={tmp_path / 'work'}",
  ]
  first = run_command("deeplab_panns.study", *arguments)
  assert "2 runs, 0 of them done; 4 tasks" in first.stdout
  assert "[4/4]" in first.stdout and "Nothing." in first.stdout
  folder = tmp_path / "results" / "tiny"
  scores = {path.name.partition("-seed")[0]: path for path in folder.glob("*-seed1-*.csv")}
  assert set(scores) == {"full", "panns-A"}
  assert len(read_csv(scores["full"])) == 2 * 13
  assert {path.name for path in folder.iterdir()} - {path.name for path in scores.values()} == {
    "runs.csv",
    "table.md",
    "table.csv",
    "organs.csv",
    "organ_gains.csv",
    "gains.png",
  }
  again = run_command("deeplab_panns.study", *arguments)
  assert "2 runs, 2 of them done; 0 tasks" in again.stdout
  summary = run_command("deeplab_panns.study", *arguments, "--summarize")
  assert summary.stdout in again.stdout


@pytest.mark.slow
def test_what_fails_is_named_and_the_tables_are_made_all_the_same(tmp_path):
  (tmp_path / "cohorts.table").write_text(COHORTS.replace("--size=48", "--no_such_flag=1"))
  (tmp_path / "tiny.table").write_text(TABLE)
  (tmp_path / "tiny.flags").write_text("--stage1_steps=1\n")
  folders = (f"--study_dir={tmp_path}", f"--output_dir={tmp_path / 'out'}", f"--work_dir={tmp_path / 'work'}")
  failed = run_command("deeplab_panns.study", "--part=tiny", "--cells=full", *folders, check=False)
  assert failed.returncode == 1 and failed.stderr.count("\n") == 1
  # The patients cannot be made; stage 1 and the run need them, and are counted but not listed.
  assert failed.stderr.startswith("error: 3 of the tasks failed: tiny-seed1-")
  assert "no_such_flag" in failed.stderr and "which failed" not in failed.stderr
  assert "- full: seeds 1" in (tmp_path / "out" / "tiny" / "table.md").read_text()


@pytest.mark.slow
def test_what_is_wrong_is_one_line(tmp_path):
  missing = run_command("deeplab_panns.study", "--part=none", f"--study_dir={tmp_path}", check=False)
  assert missing.returncode == 1 and "no such table" in missing.stderr and missing.stderr.count("\n") == 1
  seeds = run_command("deeplab_panns.study", "--part=slices", "--seeds=x", check=False)
  assert seeds.returncode == 2 and "--seeds=x" in seeds.stderr and seeds.stderr.count("\n") == 1
  cells = run_command("deeplab_panns.study", "--part=slices", "--cells=nobody", check=False)
  assert cells.returncode == 2 and "--cells=nobody: must name cells of the part: full" in cells.stderr
