"""The peak of a process's memory, against processes that hold a known number of bytes."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_the_peak_is_the_programs_own_and_not_its_parents():
  """What a large process starts is small, and becomes as large as what it holds."""
  child = (
    "from deeplab_panns.segmentation.peak_memory import peak_memory_gb as peak; "
    "before = peak(); b'1' * 200_000_000; print(before, peak())"
  )
  parent = (
    "import subprocess, sys; large = b'1' * 600_000_000; "
    f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
  )
  result = subprocess.run(
    [sys.executable, "-c", parent], cwd=ROOT, capture_output=True, text=True, check=True
  )
  before, after = map(float, result.stdout.split())
  assert before < 0.3 and 0.2 <= after < 0.6
