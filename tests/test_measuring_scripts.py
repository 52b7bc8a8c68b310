"""Scripts that make tables of experiments/README.md: they can be run, and their flags are the commands'."""

import os
import re
import subprocess

import pytest

from tests.conftest import ROOT

SCRIPTS = [ROOT / "experiments" / name for name in ("how_applied.sh", "large_scan.sh")]
SOURCES = [*(ROOT / "deeplab_panns").glob("*.py"), *(ROOT / "data").rglob("*.py")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_its_syntax_is_right_and_its_flags_are_known(script):
  assert subprocess.run(["bash", "-n", script], check=False).returncode == 0 and os.access(script, os.X_OK)
  defined = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
  used = set(re.findall(r"--([a-z_0-9]+)", script.read_text())) - {"flagfile"}
  assert used
  for name in used:
    assert re.search(rf'"{name}"', defined), name
