"""The command: where it writes, and what it does not replace."""

import pytest

from data.dataset_json.manifest_file import read_manifest
from tests.conftest import run_command, write_raw


@pytest.mark.slow
def test_a_first_manifest_beside_the_folders(tmp_path):
  write_raw(tmp_path, full=2, partial=1, test=0).unlink()
  arguments = [f"--images={tmp_path / 'images'}", f"--labels={tmp_path / 'labels'}", "--workers=1"]
  told = run_command("data.manifest", *arguments, "--organs=liver,spleen,pancreas").stdout
  assert "3 cases, 3 with a label map" in told and "3 is pancreas: annotated in 2 cases" in told
  manifest = read_manifest(tmp_path / "dataset.json")
  assert manifest.organs == ("liver", "spleen", "pancreas")
  assert [case.annotated for case in manifest.cases] == [manifest.organs, manifest.organs, ("liver",)]
  run_command("data.manifest", *arguments)  # its own file is replaced
  (tmp_path / "dataset.json").write_text("{}")
  refused = run_command("data.manifest", *arguments, check=False)
  assert refused.returncode == 1 and "--overwrite" in refused.stderr
