"""The script that somebody with a GPU runs, on a CPU with tiny sizes."""

import os
import subprocess

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "experiments" / "gpu_check.sh"


def test_its_syntax_is_right():
  assert subprocess.run(["bash", "-n", SCRIPT], check=False).returncode == 0 and os.access(SCRIPT, os.X_OK)


@pytest.mark.slow
def test_a_row_of_the_table(tiny_store, tmp_path):
  settings = {"SIZES": "tiny", "STEPS": "2", "STORE": str(tiny_store), "ROWS": "3d-fast"}
  done = subprocess.run(
    [SCRIPT, tmp_path], env={**os.environ, **settings}, capture_output=True, text=True, check=True
  )
  head, _, row, _, machine = done.stdout.splitlines()
  assert head == "| row | batch and size | images/s, stage 1 | images/s, stage 2 | most GB held |"
  cells = [cell.strip() for cell in row.split("|")[1:-1]]
  assert cells[:2] == ["3d-fast", "4 of 8x8x8"] and float(cells[2]) > 0 and float(cells[3]) > 0
  assert cells[4].startswith("process ")
  assert machine.startswith("CPU; ") and "tensorflow 2." in machine
