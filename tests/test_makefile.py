"""What `make` takes for its Python."""

import shutil
import subprocess

from tests.conftest import ROOT


def test_a_python_that_is_named_and_does_not_run_is_refused(tmp_path):
  """Another one that is on PATH would test another TensorFlow without a word."""
  for name in ("Makefile", "setup.py"):
    shutil.copy(ROOT / name, tmp_path)
  command = ["make", "install", "PYTHON_FOR_VENV=/bin/false"]
  made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
  assert made.returncode and not (tmp_path / ".venv").exists()
  assert made.stderr.startswith("error: PYTHON_FOR_VENV=/bin/false is no Python 3.9 to 3.13")
