"""The report as a user runs it."""

import pytest

from tests.conftest import ROOT, run_command


@pytest.mark.slow
def test_the_command_prints_the_table_and_refuses_a_wrong_baseline(run_dirs, tmp_path):
  names = ",".join(map(str, run_dirs))
  result = run_command("deeplab_panns.report", f"--run_dirs={names}", f"--output_dir={tmp_path}")
  assert result.stderr == "" and result.stdout.startswith((tmp_path / "table.md").read_text())
  assert str(ROOT) not in (tmp_path / "table.md").read_text()
  wrong = run_command(
    "deeplab_panns.report", f"--run_dirs={names}", f"--output_dir={tmp_path}", "--baseline=best", check=False
  )
  assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "--baseline=best" in wrong.stderr
