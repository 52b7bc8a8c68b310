"""The command crossval: what it passes on to train, and that it goes on where it was interrupted."""

import json
import os
import signal
import subprocess
import sys

import pytest

from deeplab_panns import config, crossval
from deeplab_panns.runs.run_directory import RunDirectory
from tests.conftest import ROOT, TINY_FLAGS, own_lines, run_command, start_interruptible
from tests.train_flags import parsed_crossval as parsed


def test_every_flag_of_train_passes_through(tmp_path):
  """What train reads from the arguments is what crossval read: lists, switches, numbers, flagfiles."""
  flagfile = tmp_path / "x.flags"
  flagfile.write_text(
    "# comment\n--lambda2=0.3\n--decoder\n--partial_organs=spleen,portal and splenic vein\n--noverify_store\n"
  )
  args = parsed(
    f"--flagfile={flagfile}",
    "--scales=1,1.25",
    "--folds=3",
    "--fold=2",
    "--stage1_run=x",
    "--seed=4",
    "--lambda1=0.5",
  )
  arguments = crossval.train_arguments(args)
  assert set(arguments) == {
    "--lambda2=0.3",
    "--decoder",
    "--partial_organs=spleen,portal and splenic vein",
    "--noverify_store",
    "--scales=1,1.25",
    "--seed=4",
    "--lambda1=0.5",
  }
  again = parsed(*arguments, "--fold=2")
  assert config.experiment_from_flags(again, (None,) * 3) == config.experiment_from_flags(args, (None,) * 3)
  assert not again.verify_store and crossval.train_arguments(parsed("--partial_organs=")) == (
    "--partial_organs=",
  )


@pytest.mark.slow
def test_the_command_is_interrupted_and_goes_on(tiny_store, tmp_path):
  """Ctrl-C in the first fold: one line, exit code 130, no child left; then the same command does the rest,
  then nothing."""
  arguments = [
    *TINY_FLAGS,
    f"--data_dir={tiny_store}",
    f"--run_dir={tmp_path / 'cv'}",
    "--folds=2",
    "--supervision=full",
    "--stage2_steps=0",
  ]
  running = start_interruptible(
    [sys.executable, "-m", "deeplab_panns.crossval", *arguments],
    cwd=ROOT,
    text=True,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    env={**os.environ, "PYTHONUNBUFFERED": "1"},
  )
  while "step 0 of 4" not in running.stdout.readline():
    assert running.poll() is None, running.stderr.read()
  running.send_signal(signal.SIGINT)
  said = own_lines(running.communicate(timeout=600)[1])
  assert running.returncode == 130 and said.count("\n") == 1 and "goes on from what is finished" in said
  with RunDirectory(tmp_path / "cv" / "fold0").locked():
    pass  # so nobody is training there any more
  first = run_command("deeplab_panns.crossval", *arguments)
  assert "4 cases, each tested once" in first.stdout and first.stderr == ""
  summary = json.loads((tmp_path / "cv" / "metrics.json").read_text())
  assert summary["cases"] == 4 and summary["fold"] == [0, 1] and summary["split"] == "test"
  again = run_command("deeplab_panns.crossval", *arguments)
  assert again.stdout.count("trained and evaluated before") == 2
  wrong = run_command("deeplab_panns.crossval", *arguments, "--folds=5", check=False)
  assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "has 2 folds" in wrong.stderr
