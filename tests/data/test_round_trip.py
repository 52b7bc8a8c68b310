"""The command that shows what a spacing leaves of labels."""

import pytest

from tests.conftest import TINY_ORGANS, run_command


@pytest.mark.slow
def test_what_it_writes_can_be_evaluated(tiny_raw, tmp_path):
  result = run_command(
    "data.round_trip", f"--manifest={tiny_raw / 'dataset.json'}", "--spacing_mm=4", f"--output_dir={tmp_path}"
  )
  assert "4 label maps" in result.stdout and "--references=" in result.stdout
  assert [len(list((tmp_path / name).glob("*.nii.gz"))) for name in ("references", "round_trip")] == [4, 4]
  scores = run_command(
    "deeplab_panns.evaluate",
    f"--predictions={tmp_path / 'round_trip'}",
    f"--references={tmp_path / 'references'}",
    f"--output_dir={tmp_path}",
    f"--organs={','.join(TINY_ORGANS)}",
  )
  dice = float(scores.stdout.split("mean Dice ")[1].split()[0])
  assert 0.4 < dice < 1


@pytest.mark.slow
def test_an_input_error_ends_with_one_line(tiny_raw, tmp_path):
  result = run_command(
    "data.round_trip",
    f"--manifest={tiny_raw / 'dataset.json'}",
    "--spacing_mm=0.001",
    f"--output_dir={tmp_path}",
    check=False,
  )
  assert result.returncode == 1 and result.stderr.count("\n") == 1
  assert result.stderr.startswith("error: ") and "above --max_voxels=1,000,000,000" in result.stderr
