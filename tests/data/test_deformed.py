"""The command that deforms a real scan."""

import json

import pytest

from tests.conftest import run_command


@pytest.mark.slow
def test_the_command_writes_a_cohort_of_the_scans_organs(real_ct, tmp_path):
  arguments = f"--manifest={real_ct / 'dataset.json'}", f"--output_dir={tmp_path}"
  run_command(
    "data.deformed",
    *arguments,
    "--labeled_cases=1",
    "--partial_cases=2",
    "--test_cases=1",
    "--annotated_in_turn=spleen,liver",
    "--pixel_mm=8",
    "--slice_mm=10",
  )
  manifest = json.loads((tmp_path / "dataset.json").read_text())
  assert len(manifest["organs"]) == 12
  assert [case["annotated"] for case in manifest["cases"]] == ["all", ["spleen"], ["liver"], "all"]
  wrong = run_command("data.deformed", *arguments, "--annotated=esophagus", check=False)
  assert wrong.returncode == 2 and "'esophagus'" in wrong.stderr and wrong.stderr.count("\n") == 1
