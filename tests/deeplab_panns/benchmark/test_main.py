"""The benchmark as a user runs it."""

import json

import pytest

from tests.conftest import run_command


@pytest.mark.slow
def test_the_command_prints_a_table_and_json_lines():
  result = run_command("deeplab_panns.benchmark", "--what=unet_step", "--batch=1", "--size=16", "--repeats=3")
  header, table, line = result.stdout.splitlines()
  found = json.loads(line)
  assert found["parameters"] == 3_739_888 and found["input"] == [1, 16, 16, 16, 1]
  assert found["minimum_s"] <= found["median_s"]
  assert header.startswith("measure") and "3,739,888" in table


@pytest.mark.slow
def test_json_alone():
  result = run_command("deeplab_panns.benchmark", "--what=metrics", "--size=64", "--repeats=3", "--json")
  assert json.loads(result.stdout)["volume"][1:] == [64, 64]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["speed", ""])
def test_what_is_no_measure_is_refused(what):
  failed = run_command("deeplab_panns.benchmark", f"--what={what}", check=False)
  assert failed.returncode == 2 and "must name measures" in failed.stderr
