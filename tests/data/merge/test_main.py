"""The command's flags and what it prints."""

import pytest

from tests.conftest import run_command


@pytest.mark.slow
def test_flags_that_do_not_go_together(tiny_store, tmp_path):
  one = run_command("data.merge", f"--stores={tiny_store}", f"--output_dir={tmp_path}", check=False)
  assert one.returncode == 2 and "two stores at least" in one.stderr
  two = f"--stores={tiny_store},{tiny_store}"
  prefixes = run_command("data.merge", two, "--prefixes=a_", f"--output_dir={tmp_path}", check=False)
  assert prefixes.returncode == 2 and "has 1 for 2 stores" in prefixes.stderr
  for arguments in ((), ("--prefixes=a_,a_",)):
    own = run_command(
      "data.merge", two, "--own_patients", *arguments, f"--output_dir={tmp_path}", check=False
    )
    assert own.returncode == 2 and "--prefixes, one for each store, all different" in own.stderr


@pytest.mark.slow
def test_the_same_store_twice_is_allowed_on_request(tiny_store, tmp_path):
  arguments = [f"--stores={tiny_store},{tiny_store}", "--prefixes=a_,b_", f"--output_dir={tmp_path / 'all'}"]
  # no scan is apart from its copy: both are in the same fold
  told = run_command("data.merge", *arguments).stdout
  assert "12 cases (8 fully labelled), 3 organs" in told and "4 partial cases with liver" in told
  assert "warning: a_full_0 and b_full_0 have the same voxels" in told
