"""The command on runs, on an ensemble and on folders; what its flags refuse."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.conftest import run_command


@pytest.mark.slow
@pytest.mark.parametrize("module", ["deeplab_panns.evaluate", "deeplab_panns.scores.folder_scores"])
def test_scoring_folders_imports_no_tensorflow(module):
  """Every one of the processes that score would have to start it."""
  code = (
    f"import sys, {module}; assert 'deeplab_panns' in sys.modules; assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_command_on_a_run_and_on_an_ensemble(tiny_run, tmp_path):
  one = run_command("deeplab_panns.evaluate", f"--run_dir={tiny_run}", f"--output_dir={tmp_path / 'one'}")
  assert one.stderr == ""
  assert sorted(file.name for file in (tmp_path / "one").iterdir()) == [
    ".written_by_panns.json",
    "confusion.csv",
    "metrics.csv",
    "metrics.json",
    "overlay.png",
    "slices.npz",
    "volumes.csv",
  ]
  both = run_command(
    "deeplab_panns.evaluate", f"--run_dirs={tiny_run},{tiny_run}", f"--output_dir={tmp_path / 'both'}"
  )
  assert both.stderr == ""
  assert (tmp_path / "both" / "metrics.csv").read_bytes() == (
    tmp_path / "one" / "metrics.csv"
  ).read_bytes()  # twice the same network
  header = json.loads((tmp_path / "both" / "metrics.json").read_text())
  assert header["run_dirs"] == [str(tiny_run.resolve())] * 2 and (header["step"], header["fold"]) == (8, 0)


@pytest.mark.slow
def test_a_run_is_evaluated_again_and_cases_of_its_training_are_told(tiny_run, tmp_path):
  run = tmp_path / "run"
  shutil.copytree(tiny_run, run)
  first = run_command("deeplab_panns.evaluate", f"--run_dir={run}")
  assert "seen in training" not in first.stdout
  scores = (run / "metrics.csv").read_bytes()
  (run / ".written_by_panns.json").unlink()  # as an earlier version left the run
  run_command("deeplab_panns.evaluate", f"--run_dir={run}")
  assert (run / "metrics.csv").read_bytes() == scores
  everyone = run_command("deeplab_panns.evaluate", f"--run_dir={run}", "--split=all")
  # the others are the test case and the one that validation held out
  assert "4 of 6 cases were seen in training: full_0, full_1, partial_3 and 1 more" in everyone.stdout
  (run / "metrics.csv").write_text("mine")
  refused = run_command("deeplab_panns.evaluate", f"--run_dir={run}", check=False)
  assert refused.returncode == 1 and "--overwrite" in refused.stderr and refused.stderr.count("\n") == 1
  typo = run_command("deeplab_panns.evaluate", f"--run_dir={tmp_path / 'typo'}", check=False)
  assert typo.returncode == 1 and not (tmp_path / "typo").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
  "arguments, says",
  [
    (["--run_dir=a", "--run_dirs=b,c"], "either --run_dir"),
    (["--run_dirs=b,c"], "need --output_dir"),
    (["--predictions=a"], "--references"),
    (["--predictions=a", "--references=b"], "--output_dir"),
    (["--run_dir=a", "--label_map=1=liver"], "--label_map"),
  ],
)
def test_flags_that_do_not_go_together(arguments, says):
  result = run_command("deeplab_panns.evaluate", *arguments, check=False)
  assert result.returncode == 2 and says in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_command_on_another_programs_label_maps(tiny_raw, tmp_path):
  (tmp_path / "map.json").write_text(json.dumps({"1": "liver", "3": "pancreas"}))
  shutil.copytree(tiny_raw / "labels", tmp_path / "labels")
  result = run_command(
    "deeplab_panns.evaluate",
    f"--predictions={tmp_path / 'labels'}",
    f"--references={tiny_raw / 'labels'}",
    f"--output_dir={tmp_path / 'out'}",
    "--organs=liver,spleen,pancreas",
    f"--label_map={tmp_path / 'map.json'}",
    "--workers=2",
  )
  assert (
    "mean Dice 1.0000 over 2 organs" in result.stdout
    and "not scored" in result.stdout
    and "spleen" in result.stdout
  )
  assert result.stderr == ""
