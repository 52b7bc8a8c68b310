"""The command: exit code, one line, and what is printed."""

import shutil

import numpy as np
import pytest

from tests.conftest import run_command


@pytest.mark.slow
def test_a_sound_and_a_damaged_store(tiny_store, tmp_path):
  shutil.copytree(tiny_store, tmp_path / "store")
  sound = run_command("data.check", f"--data_dir={tmp_path / 'store'}", "--workers=1")
  assert "6 cases, all as they were prepared" in sound.stdout and not sound.stderr
  label = tmp_path / "store" / "cases" / "full_1" / "label.npy"
  np.save(label, np.load(label)[:, ::-1])
  damaged = run_command("data.check", f"--data_dir={tmp_path / 'store'}", "--workers=1", check=False)
  assert damaged.returncode == 1 and damaged.stderr.count("\n") == 1
  assert "1 of 6 cases are not as they were prepared (full_1)" in damaged.stderr
  assert "failed: full_1: label.npy was changed or damaged" in damaged.stdout
