"""The command."""

import subprocess
import sys

import pytest

from data.stored.splits import split
from data.stored.store import read_store
from deeplab_panns.prior_check import check
from tests.conftest import make_store, run_command, write_raw


@pytest.mark.slow
def test_it_starts_without_tensorflow():
  """It counts voxels that the store's index lists; that should not take as long as a training's start."""
  code = "import sys, deeplab_panns.prior_check.__main__; assert 'tensorflow' not in sys.modules"
  subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_command(tiny_store, tmp_path):
  result = run_command(
    "deeplab_panns.prior_check",
    f"--data_dir={tiny_store}",
    f"--output_dir={tmp_path / 'out'}",
    "--fold=0",
    "--body_only",
  )
  assert (
    "q from 3 fully labelled cases, against 2 partial cases" in result.stdout
    and "too few cases to tell" in result.stdout
    and result.stdout.splitlines()[-2].startswith("Recipe: experiments/best.flags (in 3-D best3d.flags)")
  )
  assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
    ".written_by_panns.json",
    "prior_check.csv",
    "prior_check.png",
    "prior_check_cases.csv",
  ]
  store = read_store(make_store(write_raw(tmp_path / "raw", partial=0), tmp_path / "store"))
  assert check.disagreements(store, split(store, -1, 0.0, 0)) == []
  failed = run_command("deeplab_panns.prior_check", f"--data_dir={store.path}", check=False)
  assert (
    failed.returncode == 1
    and failed.stderr.count("\n") == 1
    and "no partially labelled case" in failed.stderr
  )
