"""The command on flagfiles of the repository."""

import pytest
from absl import flags

from deeplab_panns.cost.__main__ import read_experiment, rows
from deeplab_panns.cost.network_cost import NetworkCost
from tests.conftest import ROOT, run_command


def test_a_flagfile_becomes_rows_of_each_machine_that_can_share_its_batch():
  experiment = read_experiment(str(ROOT / "experiments" / "resnet101_panns.flags"))
  assert experiment.batch_size == 16 and experiment.steps == 70000
  header, *lines = rows(experiment, NetworkCost(1e11, 3e8, 4e6, 6e7))
  assert len(lines) == 12 and all(len(line) == len(header) for line in lines)
  hours = {line[:2]: float(line[4]) for line in lines}
  assert hours["8 A100", "float32"] < hours["A100 80GB", "float32"] / 6
  assert all(float(line[3]) <= float(line[4]) for line in lines)
  unet = read_experiment(str(ROOT / "experiments" / "unet3d_panns.flags"))
  assert not [line for line in rows(unet, NetworkCost(1e11, 3e8, 4e6, 6e7)) if line[0].startswith("8 ")]


def test_what_is_no_flagfile_is_told(tmp_path):
  (tmp_path / "a.flags").write_text("--crop_size=12\n")
  with pytest.raises(flags.Error, match="crop_size"):
    read_experiment(str(tmp_path / "a.flags"))


@pytest.mark.slow
def test_the_command():
  said = run_command("deeplab_panns.cost", f"--experiment={ROOT / 'experiments' / 'quickstart.flags'}").stdout
  assert "GMAC" in said and "| 8 H100" in said
